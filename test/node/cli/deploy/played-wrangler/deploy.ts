import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { ApiError, CommandFailed } from "./api.ts";
import type { Surroundings } from "./command.ts";
import { provision } from "./resources.ts";
import { deployTriggers, workersDev } from "./triggers.ts";

export interface DeployOptions {
  readonly tag?: string | undefined;
  readonly message?: string | undefined;
  readonly "secrets-file"?: string | undefined;
  /** The Worker as one module. */
  readonly bundle: () => Promise<string>;
}

export interface Deployed {
  readonly workerTag: string | null;
  readonly versionId: string;
  readonly targets: readonly string[];
}

/** `deploy` */
export async function deploy(surroundings: Surroundings, options: DeployOptions): Promise<Deployed> {
  const { api, account, configuration, printer } = surroundings;
  const { name, observability } = configuration;
  const worker = `${account}/workers/scripts/${name}`;
  const existing = await unlessMissing(api.result(`${account}/workers/services/${name}`));
  await unlessMissing(api.result(`${worker}/secrets`));
  // The account may have no address yet. A token that may not read it is not stopped by that.
  if (existing === null) {
    await workersDev(surroundings).catch((error) => {
      if (!(error instanceof ApiError && error.code === 10_000)) throw error;
    });
  }
  await unlessMissing(api.result(`${worker}/deployments`));
  const secrets = readSecrets(options["secrets-file"]);
  requireSecrets(surroundings, secrets, existing !== null);
  const bindings = [
    ...(await provision(surroundings, worker)),
    ...ownBindings(surroundings, secrets, existing !== null),
  ];
  const form = await uploadForm(surroundings, bindings, options);
  const query = { bindings_inherit: "strict" };
  let versionId: string;
  if (existing === null) {
    const uploaded = await api.retried(worker, { method: "PUT", form, query: { excludeScript: "true", ...query } });
    versionId = uploaded.deployment_id;
  } else {
    const version = await api.retried(`${worker}/versions`, { method: "POST", form, query });
    versionId = version.id;
    const deployment = {
      strategy: "percentage",
      versions: [{ version_id: versionId, percentage: 100 }],
      annotations: { "workers/message": options.message },
    };
    await api.result(`${worker}/deployments`, { method: "POST", json: deployment });
    const json = { observability: observability ?? { enabled: false }, tags: existing.default_environment.script.tags };
    await api.result(`${worker}/script-settings`, { method: "PATCH", json }).catch(() => {
      printer.error("▲ [WARNING] Could not apply service and environment tags.", "");
    });
  }
  printer.log("Your Worker has access to the following bindings:");
  const targets = await deployTriggers(surroundings, worker);
  return { workerTag: existing?.default_environment.script.tag ?? null, versionId: hyphenated(versionId), targets };
}

/** Null when there is no such Worker. */
async function unlessMissing(asked: Promise<any>): Promise<any> {
  return asked.catch((error: unknown) => {
    if (error instanceof ApiError && [10_007, 10_090].includes(error.code ?? 0)) return null;
    throw error;
  });
}

/** A file of variables, or a JSON object. */
function readSecrets(file: string | undefined): Readonly<Record<string, string | undefined>> {
  if (file === undefined) return {};
  const text = readFileSync(file, "utf8");
  return text.trimStart().startsWith("{") ? JSON.parse(text) : parseEnv(text);
}

function requireSecrets({ configuration }: Surroundings, secrets: object, isThere: boolean): void {
  const missing = requiredSecrets(configuration).filter((name) => !(name in secrets));
  if (missing.length === 0 || isThere) return;
  throw new CommandFailed(`The following required secrets have not been set: ${missing.join(", ")}`);
}

const requiredSecrets = ({ secrets }: Surroundings["configuration"]) => secrets?.required ?? [];

function ownBindings({ configuration }: Surroundings, secrets: object, isThere: boolean): object[] {
  const { vars, ratelimits } = configuration;
  const inherited = requiredSecrets(configuration).filter((name) => isThere && !(name in secrets));
  return [
    ...inherited.map((name) => ({ name, type: "inherit" })),
    ...Object.entries(vars).map(([name, text]) => ({ name, type: "plain_text", text: String(text) })),
    ...Object.entries(secrets).map(([name, text]) => ({ name, type: "secret_text", text })),
    ...ratelimits.map((limit) => ({ ...limit, type: "ratelimit" })),
  ];
}

async function uploadForm(
  { configuration }: Surroundings,
  bindings: readonly object[],
  { tag, message, bundle }: DeployOptions,
): Promise<FormData> {
  const { compatibility_date, compatibility_flags, observability } = configuration;
  const annotations = { "workers/message": message, "workers/tag": tag };
  const form = new FormData();
  const metadata = {
    main_module: "index.js",
    bindings,
    compatibility_date,
    compatibility_flags,
    keep_bindings: ["secret_text", "secret_key"],
    ...(tag === undefined && message === undefined ? {} : { annotations }),
    ...(observability === undefined ? {} : { observability }),
  };
  form.set("metadata", JSON.stringify(metadata));
  const type = "application/javascript+module";
  form.set("index.js", new File([await bundle()], "index.js", { type }));
  return form;
}

const hyphenated = (id: string) =>
  id.replaceAll("-", "").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
