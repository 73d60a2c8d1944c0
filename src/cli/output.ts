import { styleText } from "node:util";
import stringWidth from "string-width";
import type { Terminal } from "./terminal.ts";

type Style = Parameters<typeof styleText>[0];

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
}

/** What a command prints: tables and sentences for a person, or JSON for a program. Progress goes to a terminal only. */
export class Output {
  readonly #isJson: boolean;
  readonly #hasColor: boolean;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal, { json = false, color = true }: OutputOptions = {}) {
    this.#isJson = json;
    this.#hasColor = color && !json && terminal.hasColor;
    this.#terminal = terminal;
  }

  /** The result: the document, or the text that says the same. */
  show<Document>(document: Document, text: (document: Document, output: Output) => string): void {
    this.#terminal.print(`${this.#isJson ? JSON.stringify(document, null, 2) : text(document, this)}\n`);
  }

  /** One of many results: a line of JSON, or of text. */
  line(document: unknown, text: () => string): void {
    this.#terminal.print(`${this.#isJson ? JSON.stringify(document) : text()}\n`);
  }

  /** Text of others without control characters and without the secrets of this run. */
  clean(text: string): string {
    return this.#terminal.clean(printable(text));
  }

  /** A sentence that is not part of the result. */
  note(text: string): void {
    this.#terminal.tell(`${printable(text)}\n`);
  }

  /** What the command is doing. The next one replaces it. */
  progress(text: string): void {
    this.#terminal.progress(printable(text));
  }

  /** Colour, where there is a terminal that wants it. */
  paint(style: Style, text: string): string {
    return this.#hasColor ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Aligned columns below their names. */
  table(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
    const head = names.map((name) => this.paint("dim", name.toUpperCase()));
    return aligned([head, ...rows.map((row) => row.map((cell) => this.#shown(cell)))]);
  }

  /** Names with their values, one a line; without those whose value is null. */
  fields(pairs: readonly (readonly [string, Cell | null])[]): string {
    return aligned(
      pairs.flatMap(([name, cell]) => (cell === null ? [] : [[this.paint("dim", name), this.#shown(cell)]])),
    );
  }

  #shown(cell: Cell): string {
    return typeof cell === "string" ? printable(cell) : this.paint(cell.style, printable(cell.text));
  }
}

/** A text, or a text and its colour. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** Text of others could move the cursor, change colours or turn the reading direction. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu, " ");
}

/** The same for a text of several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Lines of cells, with each column as wide as its widest cell. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    for (const [column, cell] of line.entries()) widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
  }
  const padded = (cell: string, column: number) => padEnd(cell, (widths[column] ?? 0) + 2);
  return lines.map((line) => line.map(padded).join("").trimEnd()).join("\n");
}

/** A text and blanks to fill so many columns. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - stringWidth(text)));
}
