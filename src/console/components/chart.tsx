import { count } from "./figure.tsx";
import { Time } from "./time.tsx";

type Tone = "ok" | "wait" | "bad" | "idle";

interface Series {
  readonly key: string;
  readonly label: string;
  readonly tone: Tone;
}

interface Slot {
  /** When it begins, Unix milliseconds. */
  readonly startsAt: number;
  readonly counts: Readonly<Record<string, number>>;
}

interface ChartProps {
  readonly id: string;
  readonly title: string;
  /** Stacked in this order, the first at the bottom. */
  readonly series: readonly Series[];
  readonly slots: readonly Slot[];
  /** When the last slot ends. */
  readonly endsAt: number;
}

const HEIGHT = 100;
/** Of a slot and of the gap in it. */
const WIDTH = 20;
const GAP = 4;
/** A count that is not nothing is seen, in parts of the height. */
const LEAST = 1.5;

/** Counts over time as stacked bars, with the same as a table for who cannot see them or wants the numbers. */
export function Chart({ id, title, series, slots, endsAt }: ChartProps) {
  const totals = slots.map(({ counts }) => series.reduce((sum, { key }) => sum + (counts[key] ?? 0), 0));
  const highest = Math.max(0, ...totals);
  const [first] = slots;
  return (
    <figure class="chart">
      <div class="chart-frame">
        <span class="chart-top" aria-hidden="true">
          {count(highest)}
        </span>
        <svg
          viewBox={`0 0 ${slots.length * WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-labelledby={`${id}-title`}
        >
          <title id={`${id}-title`}>{`${title}: ${inWords(series, slots)}`}</title>
          {slots.map(({ counts }, index) => stack(series, counts, { x: index * WIDTH, highest }))}
        </svg>
      </div>
      <div class="chart-axis" aria-hidden="true">
        {first === undefined ? null : <Time at={first.startsAt} show="moment" />}
        <Time at={endsAt} show="moment" />
      </div>
      <figcaption>
        <ul class="legend">
          {series.map(({ key, label, tone }) => (
            <li>
              <span class={`swatch tone-${tone}`} aria-hidden="true"></span>
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

function inWords(series: readonly Series[], slots: readonly Slot[]): string {
  return series.map(({ key, label }) => `${count(sumOfSeries(slots, key))} ${label.toLowerCase()}`).join(", ");
}
