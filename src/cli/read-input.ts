import { readFileSync } from "node:fs";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { wrongUsage } from "./fault.ts";

/** The bytes of a file, named from where the person stands (npm goes to the project's directory); `-`: standard input. */
export async function readBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (file === "-") return Uint8Array.from(await buffer(process.stdin));
  try {
    return Uint8Array.from(readFileSync(path.resolve(process.env["INIT_CWD"] ?? process.cwd(), file)));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw wrongUsage(`${file} cannot be read${code}.`);
  }
}
