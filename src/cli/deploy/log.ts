import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { printableLines } from "../output.ts";

/** What Cloudflare and wrangler said in a run, word for word: shown as it comes with `--verbose`, else kept for a file. */
export class Log {
  readonly #entries: string[] = [];
  readonly #show: ((text: string) => void) | null;

  constructor(show: ((text: string) => void) | null) {
    this.#show = show;
  }

  add(entry: string): void {
    const text = printableLines(entry);
    this.#entries.push(text);
    this.#show?.(`${text}\n`);
  }

  /** A sentence that tells where it can be read. */
  keep(directory: string): string {
    if (this.#show !== null || this.#entries.length === 0) return "";
    const file = path.join(directory, ".wrangler", "deploy.log");
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      // Its mode counts for a new file alone.
      rmSync(file, { force: true });
      writeFileSync(file, `${this.#entries.join("\n\n")}\n`, { mode: 0o600 });
    } catch {
      return "--verbose shows what Cloudflare and wrangler say.";
    }
    return "What Cloudflare and wrangler said is in .wrangler/deploy.log; --verbose shows it.";
  }
}
