import type { Child } from "hono/jsx";

interface FigureProps {
  readonly label: string;
  readonly value: Child;
  /** Says the rest. */
  readonly note?: Child;
  readonly tone?: "ok" | "bad";
}

/** One number that matters; for the inside of `Figures`. */
export function Figure({ label, value, note, tone }: FigureProps) {
  return (
    <div class="figure-one">
      <dt>{label}</dt>
      <dd class={tone === undefined ? "figure-value" : `figure-value figure-${tone}`}>{value}</dd>
      {note === undefined ? null : <dd class="help">{note}</dd>}
    </div>
  );
}

export function Figures({ children }: { readonly children: Child }) {
  return <dl class="figures">{children}</dl>;
}

const inGroups = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** `12,345`: of what is counted, never of money. */
export function count(number: number): string {
  return inGroups.format(number);
}
