import { styleText } from "node:util";
import type { Terminal } from "./terminal.ts";

type Style = Parameters<typeof styleText>[0];

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
}

/** What a command says: tables and sentences for a person, or JSON for a program; what it is doing, to a terminal alone. */
export class Output {
  readonly json: boolean;
  readonly #hasColor: boolean;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal, { json = false, color = true }: OutputOptions = {}) {
    this.json = json;
    this.#hasColor = color && !json && terminal.hasColor;
    this.#terminal = terminal;
  }

  /** The result: the document, or the text that says the same. */
  show(document: unknown, text: () => string): void {
    this.#terminal.print(`${this.json ? JSON.stringify(document, null, 2) : text()}\n`);
  }

  /** One of many results, as they come: a line of JSON each, or of text. */
  line(document: unknown, text: () => string): void {
    this.#terminal.print(`${this.json ? JSON.stringify(document) : text()}\n`);
  }

  /** The text of others, fit to be shown. */
  clean(text: string): string {
    return this.#terminal.clean(printable(text));
  }

  /** A sentence beside the result. */
  note(text: string): void {
    this.#terminal.tell(`${printable(text)}\n`);
  }

  /** What the command is waiting for; the next one takes its place. */
  progress(text: string): void {
    this.#terminal.progress(printable(text));
  }

  /** Colour, where there is a terminal that wants it. */
  paint(style: Style, text: string): string {
    return this.#hasColor ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Aligned columns below their names. A cell is a text, or a text and its colour. */
  table(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
    const texts = rows.map((row) => row.map((cell) => printable(typeof cell === "string" ? cell : cell.text)));
    const widths = names.map((name, column) => Math.max(width(name), ...texts.map((row) => width(row[column] ?? ""))));
    const pad = (text: string, column: number) =>
      column === names.length - 1 ? "" : " ".repeat((widths[column] ?? 0) - width(text) + 2);
    const lines = rows.map((row, index) =>
      row.map((cell, column) => {
        const text = texts[index]?.[column] ?? "";
        return (typeof cell === "string" ? text : this.paint(cell.style, text)) + pad(text, column);
      }),
    );
    const head = names.map((name, column) => this.paint("dim", name.toUpperCase()) + pad(name, column));
    return [head, ...lines].map((cells) => cells.join("").trimEnd()).join("\n");
  }

  /** Names and what they stand for, one a line. */
  fields(pairs: readonly (readonly [string, Cell])[]): string {
    const longest = Math.max(...pairs.map(([name]) => width(name)));
    return pairs
      .map(([name, cell]) => {
        const text = printable(typeof cell === "string" ? cell : cell.text);
        const value = typeof cell === "string" ? text : this.paint(cell.style, text);
        return `${this.paint("dim", name.padEnd(longest))}  ${value}`.trimEnd();
      })
      .join("\n");
  }
}

export type Cell = string | { readonly text: string; readonly style: Style };

/** Text of others could move the cursor, change colours or turn the reading direction. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu, " ");
}

/** The same of several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

function width(text: string): number {
  return Array.from(text).length;
}
