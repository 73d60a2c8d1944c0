import type { Child } from "hono/jsx";
import type { DeliveryStatus } from "../../domain/delivery.ts";
import { type Tone, Time, capitalized, count, toneOf } from "./values.tsx";

interface Slot {
  /** Unix milliseconds. */
  readonly startsAt: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What is counted and its colour, from the bottom up. */
type Series = Readonly<Record<string, Tone>>;

interface ChartProps {
  readonly id: string;
  readonly title: string;
  readonly series: Series;
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
  const names = Object.keys(series);
  const highest = Math.max(0, ...slots.map(({ counts }) => sum(names.map((name) => counts[name] ?? 0))));
  const totals = names.map((name) => ({ name, total: count(sum(slots.map(({ counts }) => counts[name] ?? 0))) }));
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
        <title
          id={`${id}-title`}
        >{`${title}: ${totals.map(({ name, total }) => `${total} ${name}`).join(", ")}`}</title>
        {slots.map(({ counts }, index) => stack(series, counts, { x: index * WIDTH, highest }))}
      </svg>
      <div class="aside spread" aria-hidden="true">
        <Time at={slots[0]?.startsAt ?? endsAt} show="moment" />
        <Time at={endsAt} show="moment" />
      </div>
      <figcaption>
        <ul class="cluster">
          {totals.map(({ name, total }) => (
            <li>
              <span class={`swatch tone-${series[name]}`} aria-hidden="true">
                ■
              </span>{" "}
              {capitalized(name)} <strong>{total}</strong>
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
                  {names.map((name) => (
                    <th scope="col">{capitalized(name)}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {slots.map(({ startsAt, counts }) => (
                  <tr>
                    <th scope="row">
                      <Time at={startsAt} show="minute" />
                    </th>
                    {names.map((name) => (
                      <td>{count(counts[name] ?? 0)}</td>
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

function stack(series: Series, counts: Slot["counts"], { x, highest }: { x: number; highest: number }) {
  let y = HEIGHT;
  return Object.entries(series).map(([name, tone]) => {
    const value = counts[name] ?? 0;
    if (value === 0) return null;
    const height = Math.max(LEAST, (value / highest) * HEIGHT);
    y = Math.max(0, y - height);
    return (
      <rect
        class={`block tone-${tone}`}
        x={x + GAP / 2}
        y={y.toFixed(2)}
        width={WIDTH - GAP}
        height={height.toFixed(2)}
      />
    );
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

const heights = { delivered: 10, pending: 16, dead: 20 } as const;
const STEP = 7;
const PLACES = 30;
const STRIP_HEIGHT = 20;

/** The latest deliveries, oldest first, one mark each. A dead one is taller than a delivered one. */
export function Strip({ statuses }: { readonly statuses: readonly DeliveryStatus[] }) {
  if (statuses.length === 0) return <span class="help">No deliveries yet</span>;
  const start = Math.max(0, PLACES - statuses.length);
  const delivered = statuses.filter((status) => status === "delivered").length;
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${PLACES * STEP} ${STRIP_HEIGHT}`}
      role="img"
      aria-label={`${delivered} of the latest ${statuses.length} delivered; the latest is ${statuses.at(-1)}`}
    >
      {Array.from({ length: start }, (_, index) => (
        <rect class="block-none" x={index * STEP + 1} y={STRIP_HEIGHT - 2} width={STEP - 2} height="2" />
      ))}
      {statuses.map((mark, index) => (
        <rect
          class={`block tone-${toneOf(mark)}`}
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

interface FigureProps {
  readonly label: string;
  readonly value: Child;
  readonly note: Child;
  readonly isBad?: boolean;
}

/** One number with its label, inside of `Figures`. */
export function Figure({ label, value, note, isBad = false }: FigureProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class={isBad ? "figure-value tone-bad" : "figure-value"}>{value}</dd>
      <dd class="help">{note}</dd>
    </div>
  );
}

export function Figures({ children }: { readonly children: Child }) {
  return <dl class="figures">{children}</dl>;
}
