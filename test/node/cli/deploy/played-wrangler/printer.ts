import type { Run } from "../../../../../src/cli/deploy/context.ts";

/** What a command prints. Errors and warnings are no part of what is printed for programs. */
export class Printer {
  readonly #stdout: string[] = [];
  readonly #output: string[] = [];

  log(...lines: readonly string[]): void {
    this.#stdout.push(...lines);
    this.#output.push(...lines);
  }

  error(...lines: readonly string[]): void {
    this.#output.push(...lines);
  }

  table(columns: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = columns.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
    const line = (cells: readonly string[]) => `│ ${cells.map((cell, at) => pad(cell, widths[at] ?? 0)).join(" │ ")} │`;
    this.log(line(columns), ...rows.map(line));
  }

  ended(succeeded: boolean): Run {
    return {
      succeeded,
      stdout: this.#stdout.map((line) => `${line}\n`).join(""),
      output: this.#output.join("\n").trim(),
    };
  }
}

/** A terminal shows an emoji two columns wide. */
const pad = (cell: string, width: number) => cell.padEnd(/\p{Extended_Pictographic}/u.test(cell) ? width - 1 : width);
