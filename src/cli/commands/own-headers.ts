import type { Context } from "../context.ts";
import { wrongUsage } from "../fault.ts";
import { repeated } from "../options.ts";

const NO_HEADERS = "none";

export const headerOption = repeated(
  "--header <name: value>",
  `a request header of its own, several times for several; on update they replace all; or \`${NO_HEADERS}\``,
);

/** The field of the API that `--header` stands for. Throws wrong usage. */
export function readHeaders(
  given: readonly string[] | undefined,
  secrets: Context["secrets"],
): { headers?: Record<string, string> | null } {
  if (given === undefined) return {};
  if (given.length === 1 && given[0] === NO_HEADERS) return { headers: null };
  const headers: Record<string, string> = {};
  for (const one of given) {
    const [, name, value] = /^([^:]+):(.*)$/s.exec(one) ?? [];
    if (name === undefined || value === undefined) throw wrongUsage("--header takes `name: value`.");
    if (Object.hasOwn(headers, name.trim())) throw wrongUsage(`--header gives ${name.trim()} twice.`);
    secrets.keep(value.trim());
    headers[name.trim()] = value.trim();
  }
  return { headers };
}
