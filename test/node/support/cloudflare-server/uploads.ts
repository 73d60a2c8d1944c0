import { z } from "zod";
import { Refusal } from "./answers.ts";

export interface Module {
  readonly name: string;
  /** As its part of the upload says it. */
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

/** A Worker's code and what belongs to it, as it is uploaded. */
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
