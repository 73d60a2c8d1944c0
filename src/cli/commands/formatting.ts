import type { Context } from "../context.ts";
import { option } from "../options.ts";

export const templateFile = option(
  "--template <file>",
  "Mustache template of the format template; `-`: standard input",
);

/** The fields of the API that `--format` and `--template` stand for. A template brings its format. */
export async function readFormatting(
  { readBytes }: Pick<Context, "readBytes">,
  format: string | undefined,
  file: string | undefined,
): Promise<{ readonly format?: string; readonly template?: string }> {
  if (file === undefined) return format === undefined ? {} : { format };
  return { format: format ?? "template", template: new TextDecoder().decode(await readBytes(file)) };
}
