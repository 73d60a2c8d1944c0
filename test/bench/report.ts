/** The results of a section: tables for the terminal, figures for comparison. */
export interface Report {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  /** Figures by name. */
  readonly figures: Readonly<Record<string, number>>;
  /** Remarks on the figures. */
  readonly notes: readonly string[];
}

export interface Table {
  readonly title: string;
  /** The first column is text, the others are figures. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export function printReport({ tables, goals, notes }: Report): void {
  for (const table of tables) printTable(table);
  if (goals.length > 0) {
    const rows = goals.map(({ goal, measured, isMet }) => [goal, measured, isMet ? "met" : "NOT MET"]);
    printTable({ title: "Goals", columns: ["goal", "measured", ""], rows });
  }
  for (const note of notes) console.log(`  ${note}`);
}

export function printTable({ title, columns, rows }: Table): void {
  const widths = columns.map((column, index) =>
    Math.max(...[column, ...rows.map((row) => row[index] ?? "")].map(length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join("  ");
  console.log(`\n${title}\n`);
  for (const row of [columns, widths.map((width) => "─".repeat(width)), ...rows]) console.log(`  ${line(row)}`);
}

const length = (text: string) => text.length;

/** Two significant digits at least, without noise behind them. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
