import { once } from "node:events";
import { type Interface, createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { Fault } from "../fault.ts";
import type { Questions } from "./context.ts";

/** Asks at the terminal; null where there is none. */
export function openQuestions(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  interrupt: () => void,
): Questions | null {
  if (!stdin.isTTY || !stdout.isTTY) return null;
  const ask = async (reader: Interface, question: string): Promise<string> => {
    // A terminal that is read by lines keeps Ctrl-C to itself.
    reader.once("SIGINT", interrupt);
    const end = once(reader, "close").then(() => {
      throw new Fault("The question was not answered.");
    });
    try {
      return (await Promise.race([reader.question(question), end])).trim();
    } finally {
      end.catch(() => undefined);
      reader.close();
    }
  };
  return {
    ask: async (question) => ask(createInterface({ input: stdin, output: stdout }), question),
    askSecret: async (question) => {
      stdout.write(question);
      const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
      try {
        return await ask(createInterface({ input: stdin, output: nowhere, terminal: true }), "");
      } finally {
        stdout.write("\n");
      }
    },
  };
}
