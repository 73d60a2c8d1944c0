import { z } from "zod";
import type { Account } from "./accounts.ts";
import { Refusal, notFound } from "./context.ts";

/** A binding as a version has it: `queue_id` is the id that the queue's name had when it was bound. */
export interface Binding extends Record<string, unknown> {
  readonly name: string;
  readonly type: string;
}

export interface Version extends Omit<Upload, "bindings" | "keep"> {
  readonly id: string;
  readonly number: number;
  readonly created_on: string;
  readonly bindings: readonly Binding[];
}

export interface Deployment {
  readonly id: string;
  readonly version: Version;
  readonly created_on: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Schedule {
  readonly cron: string;
  readonly created_on: string;
  readonly modified_on: string;
}

/** A Worker: its versions, the live one, and settings of all of them. */
export class Script {
  readonly name: string;
  readonly tag = crypto.randomUUID().replaceAll("-", "");
  readonly created_on: string;
  readonly versions: Version[] = [];
  /** Newest first. */
  readonly deployments: Deployment[] = [];
  schedules: readonly Schedule[] = [];
  subdomain = { enabled: false, previews_enabled: false };
  settings: Readonly<Record<string, unknown>> = {};

  constructor(name: string, created_on: string) {
    this.name = name;
    this.created_on = created_on;
  }

  /** The version that serves. A Worker is deployed as soon as it exists. */
  get live(): Version {
    const [newest] = this.deployments;
    if (newest === undefined) throw new Error(`${this.name} was never deployed`);
    return newest.version;
  }

  version(id: string): Version {
    const version = this.versions.find((one) => one.id === id);
    if (version === undefined) throw new Refusal(404, 10217, "Version not found.");
    return version;
  }

  addVersion({ bindings, keep, ...upload }: Upload, account: Account, created_on: string): Version {
    const before = this.versions.at(-1)?.bindings ?? [];
    const bound = bindings.map((binding) => bind(binding, before, account));
    const kept = before.filter(({ name, type }) => keep.includes(type) && !bound.some((one) => one.name === name));
    const id = crypto.randomUUID();
    const version = { ...upload, bindings: [...bound, ...kept], id, number: this.versions.length + 1, created_on };
    this.versions.push(version);
    return version;
  }

  deploy(version: Version, annotations: Readonly<Record<string, string>>, created_on: string): Deployment {
    const deployment = { id: crypto.randomUUID(), version, annotations, created_on };
    this.deployments.unshift(deployment);
    return deployment;
  }
}

export function scriptOf(account: Account, name: string): Script {
  const script = account.scripts.get(name);
  if (script === undefined) throw notFound.worker();
  return script;
}

/** A binding of an upload, resolved. Throws the service's refusals. */
function bind(binding: Binding, before: readonly Binding[], account: Account): Binding {
  if (binding.type === "inherit") {
    // Unchanged, also when its resource is deleted.
    const inherited = before.find(({ name }) => name === binding.name);
    if (inherited !== undefined) return inherited;
    throw new Refusal(
      400,
      10057,
      `inherit binding '${binding.name}' is invalid: it does not exist in the previous version`,
    );
  }
  if (binding.type === "d1") {
    const id = String(binding["id"] ?? binding["database_id"]);
    if (![...account.databases.values()].some(({ uuid }) => uuid === id)) {
      throw new Refusal(400, 10021, `binding ${binding.name} of type d1 must have a valid \`id\` specified`);
    }
    return { ...binding, id };
  }
  if (binding.type === "queue") {
    const queue = account.queues.get(String(binding["queue_name"]));
    if (queue === undefined) {
      throw new Refusal(400, 100_100, `Queue "${String(binding["queue_name"])}" does not exist in this account.`);
    }
    return { ...binding, queue_id: queue.queue_id };
  }
  return binding;
}

/** A binding as the API shows it, without secrets. */
export function describeBinding(binding: Binding): object {
  const { name, type } = binding;
  return type === "secret_text" ? { name, type } : { ...binding, queue_id: undefined };
}

export interface Module {
  readonly name: string;
  /** The content type of its part of the upload. */
  readonly type: string;
  readonly contents: Uint8Array;
}

const metadata = z.object({
  main_module: z.string(),
  bindings: z.array(z.looseObject({ name: z.string(), type: z.string() })),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  keep_bindings: z.array(z.string()).default([]),
  annotations: z.record(z.string(), z.string()).default({}),
  observability: z.looseObject({}).optional(),
});

/** A Worker's code and metadata, as uploaded. */
export async function readUpload(request: Request) {
  const parts = [...(await request.formData())];
  const text = parts.find(([name]) => name === "metadata")?.[1];
  const parsed = metadata.safeParse(typeof text === "string" ? JSON.parse(text) : null);
  if (!parsed.success) throw new Refusal(400, 10021, `Invalid metadata: ${parsed.error.message}`);
  const { main_module, bindings, keep_bindings: keep, ...rest } = parsed.data;
  const modules = await Promise.all(
    parts.flatMap(([name, part]) => (part instanceof File ? [readModule(name, part)] : [])),
  );
  if (!modules.some(({ name }) => name === main_module)) {
    throw new Refusal(400, 10021, `No such module "${main_module}".`);
  }
  return { mainModule: main_module, modules, bindings, keep, ...rest };
}

export type Upload = Awaited<ReturnType<typeof readUpload>>;

async function readModule(name: string, file: File): Promise<Module> {
  return { name, type: file.type, contents: new Uint8Array(await file.arrayBuffer()) };
}
