import { type Interface, createInterface } from "node:readline/promises";
import { type Readable, Writable } from "node:stream";
import { Fault } from "../fault.ts";
import type { Questions } from "./context.ts";

/** Asks at a terminal. While it reads, Ctrl-C is no signal: `onCtrlC` is called instead. */
export function questionsAt(stdin: Readable, stdout: Writable, onCtrlC: () => void): Questions {
  const ask = async (reader: Interface, question: string): Promise<string> => {
    const closed = new AbortController();
    reader.once("close", () => closed.abort());
    reader.once("SIGINT", onCtrlC);
    try {
      return (await reader.question(question, { signal: closed.signal })).trim();
    } catch (error) {
      if (error instanceof Error && error.name === "AbortError") throw new Fault("The question was not answered.");
      throw error;
    } finally {
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
