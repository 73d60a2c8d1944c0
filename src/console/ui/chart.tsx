import { Time, count } from "./values.tsx";
import type { Child } from "hono/jsx";

type Tone = "ok" | "wait" | "bad" | "idle";

interface Series {
  readonly key: string;
  readonly label: string;
  readonly tone: Tone;
}

interface Slot {
  /** Unix milliseconds. */
  readonly startsAt: number;
  readonly counts: Readonly<Record<string, number>>;
}

interface ChartProps {
  readonly id: string;
  readonly title: string;
  /** From the bottom up. */
  readonly series: readonly Series[];
  readonly slots: readonly Slot[];
  /** The end of the last slot, Unix milliseconds. */
  readonly endsAt: number;
}

const HEIGHT = 100;
/** Of a slot, and of the gap in it. */
const WIDTH = 20;
const GAP = 4;
/** The least height of a bar, so that a small count is visible. */
const LEAST = 1.5;

/** Counts over time as stacked bars, and as a table. */
export function Chart({ id, title, series, slots, endsAt }: ChartProps) {
  const totals = slots.map(({ counts }) => series.reduce((sum, { key }) => sum + (counts[key] ?? 0), 0));
  const highest = Math.max(0, ...totals);
  const [first] = slots;
  return (
    <figure class="chart card">
      <p class="aside" aria-hidden="true">
        {count(highest)}
      </p>
      <svg
        viewBox={`0 0 ${slots.length * WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-labelledby={`${id}-title`}
      >
        <title id={`${id}-title`}>{`${title}: ${sayTotals(series, slots)}`}</title>
        {slots.map(({ counts }, index) => stack(series, counts, { x: index * WIDTH, highest }))}
      </svg>
      <div class="aside spread" aria-hidden="true">
        {first === undefined ? null : <Time at={first.startsAt} show="moment" />}
        <Time at={endsAt} show="moment" />
      </div>
      <figcaption>
        <ul class="cluster">
          {series.map(({ key, label, tone }) => (
            <li>
              <span class={`swatch tone-${tone}`} aria-hidden="true">
                ■
              </span>{" "}
              {label} <strong>{count(sumOfSeries(slots, key))}</strong>
            </li>
          ))}
        </ul>
        <details id={`${id}-table`}>
          <summary>As a table</summary>
          <div class="scroll" tabindex={0} role="region" aria-label={title}>
            <table class="numbers">
              <thead>
                <tr>
                  <th scope="col">From</th>
                  {series.map(({ label }) => (
                    <th scope="col">{label}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {slots.map(({ startsAt, counts }) => (
                  <tr>
                    <th scope="row">
                      <Time at={startsAt} show="minute" />
                    </th>
                    {series.map(({ key }) => (
                      <td>{count(counts[key] ?? 0)}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </figcaption>
    </figure>
  );
}

function stack(series: readonly Series[], counts: Slot["counts"], { x, highest }: { x: number; highest: number }) {
  let y = HEIGHT;
  return series.flatMap(({ key, tone }) => {
    const value = counts[key] ?? 0;
    if (value === 0) return [];
    const height = Math.max(LEAST, (value / highest) * HEIGHT);
    y = Math.max(0, y - height);
    return [
      <rect
        class={`block tone-${tone}`}
        x={x + GAP / 2}
        y={y.toFixed(2)}
        width={WIDTH - GAP}
        height={height.toFixed(2)}
      />,
    ];
  });
}

function sumOfSeries(slots: readonly Slot[], key: string): number {
  return slots.reduce((sum, { counts }) => sum + (counts[key] ?? 0), 0);
}

function sayTotals(series: readonly Series[], slots: readonly Slot[]): string {
  return series.map(({ key, label }) => `${count(sumOfSeries(slots, key))} ${label.toLowerCase()}`).join(", ");
}

interface StripProps {
  /** Oldest first. */
  readonly statuses: readonly ("delivered" | "pending" | "dead")[];
}

const heights = { delivered: 10, pending: 16, dead: 20 } as const;
const tones = { delivered: "ok", pending: "wait", dead: "bad" } as const;
const STEP = 7;
const PLACES = 30;
const STRIP_HEIGHT = 20;

/** The latest deliveries, one mark each. A dead one is taller than a delivered one. */
export function Strip({ statuses }: StripProps) {
  if (statuses.length === 0) return <span class="help">No deliveries yet</span>;
  const start = Math.max(0, PLACES - statuses.length);
  return (
    <svg class="strip" viewBox={`0 0 ${PLACES * STEP} ${STRIP_HEIGHT}`} role="img" aria-label={sayStrip(statuses)}>
      {Array.from({ length: start }, (_, index) => (
        <rect class="block-none" x={index * STEP + 1} y={STRIP_HEIGHT - 2} width={STEP - 2} height="2" />
      ))}
      {statuses.map((mark, index) => (
        <rect
          class={`block tone-${tones[mark]}`}
          x={(start + index) * STEP + 1}
          y={STRIP_HEIGHT - heights[mark]}
          width={STEP - 2}
          height={heights[mark]}
          rx="1"
        />
      ))}
    </svg>
  );
}

function sayStrip(statuses: StripProps["statuses"]): string {
  const delivered = statuses.filter((mark) => mark === "delivered").length;
  return `${delivered} of the latest ${statuses.length} delivered; the latest is ${statuses.at(-1) ?? ""}`;
}

interface FigureProps {
  readonly label: string;
  readonly value: Child;
  readonly note?: Child;
  readonly tone?: "ok" | "bad";
}

/** One number with its label, inside of `Figures`. */
export function Figure({ label, value, note, tone }: FigureProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class={tone === undefined ? "figure-value" : `figure-value tone-${tone}`}>{value}</dd>
      {note === undefined ? null : <dd class="help">{note}</dd>}
    </div>
  );
}

export function Figures({ children }: { readonly children: Child }) {
  return <dl class="figures">{children}</dl>;
}
