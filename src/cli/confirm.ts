import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { wrongUsage } from "./fault.ts";

/** Standard input, or what a test has in its place. */
export type Input = Readable & { readonly isTTY?: boolean };

/** Asks at a terminal: `y` and `yes` are a yes. Throws wrong usage where there is none. */
export async function confirmAt(stdin: Input, tell: (text: string) => void, question: string): Promise<boolean> {
  if (stdin.isTTY !== true) throw wrongUsage("There is no terminal to ask at.", "Give --yes to apply without asking.");
  tell(`${question} [y/N] `);
  // Not as a terminal of its own: Ctrl-C stays a signal.
  const reader = createInterface({ input: stdin, terminal: false });
  try {
    for await (const line of reader) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    // A terminal that is still read would keep the process from its end.
    reader.close();
  }
}
