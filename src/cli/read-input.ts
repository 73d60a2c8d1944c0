import { readFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { wrongUsage } from "./fault.ts";

/** From where a person gives a command: its standard input, and the directory in which file names begin. */
export interface Input {
  readonly stdin: Readable;
  readonly directory: string;
}

/** The bytes of a file; `-`: of standard input. */
export async function readBytes(file: string, { stdin, directory }: Input): Promise<Uint8Array<ArrayBuffer>> {
  if (file === "-") return Uint8Array.from(await buffer(stdin));
  try {
    return Uint8Array.from(readFileSync(path.resolve(directory, file)));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw wrongUsage(`${file} cannot be read${code}.`);
  }
}
