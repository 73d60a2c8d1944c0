/** A number by its series: the name and labels of a Prometheus sample. */
export type Counts = Readonly<Record<string, number>>;

type Labels = Readonly<Record<string, string>>;

/** Upper bounds in seconds. A longer duration is counted in `+Inf` only. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1];

/** An isolate collects counts for so long before it writes them down. */
const COLLECTED_MS = 60_000;

/** Many more than there are. Should names be counted without end, the rest is not counted. */
const MAX_SERIES = 2_000;

/**
 * Counts what happens in this isolate, until it is written down. A series is named as in Prometheus's text format. Labels are for
 * bounded values: never for a value that a stranger can choose.
 */
export class Counters {
  #counts = new Map<string, number>();
  #collectingSince: number | null = null;

  count(name: string, labels: Labels, by = 1): void {
    this.#add(seriesOf(name, labels), by);
  }

  /** Counts a duration into a histogram. */
  observe(name: string, durationMs: number): void {
    const seconds = durationMs / 1000;
    for (const bound of BUCKETS.filter((one) => seconds <= one)) this.count(`${name}_bucket`, { le: String(bound) });
    this.count(`${name}_bucket`, { le: "+Inf" });
    this.count(`${name}_sum`, {}, seconds);
    this.count(`${name}_count`, {});
  }

  /** Whether it is time to write the counts down. The first call of an isolate only starts its clock. */
  isDue(now: number): boolean {
    this.#collectingSince ??= now;
    return this.#counts.size > 0 && now - this.#collectingSince >= COLLECTED_MS;
  }

  /** Returns the counts and starts from nothing. */
  take(now: number): Counts {
    const taken = Object.fromEntries(this.#counts);
    this.#counts = new Map();
    this.#collectingSince = now;
    return taken;
  }

  /** Takes back counts that could not be written down. */
  giveBack(counts: Counts): void {
    for (const [series, by] of Object.entries(counts)) this.#add(series, by);
  }

  #add(series: string, by: number): void {
    const before = this.#counts.get(series);
    if (before === undefined && this.#counts.size >= MAX_SERIES) return;
    this.#counts.set(series, (before ?? 0) + by);
  }
}

/** `name{label="value",…}` */
export function seriesOf(name: string, labels: Labels): string {
  const texts = textsOf(labels);
  return texts.length === 0 ? name : `${name}{${texts.join(",")}}`;
}

/** Without the series of destinations that are not among these, because they have been removed. */
export function countsOf(counts: Counts, destinationIds: readonly string[]): Counts {
  const known = new Set(destinationIds.flatMap((id) => textsOf({ destination_id: id })));
  return Object.fromEntries(
    Object.entries(counts).filter(([series]) =>
      labelsOf(series).every((label) => !label.startsWith("destination_id=") || known.has(label)),
    ),
  );
}

/** The sum of all series of a name that have these labels. */
export function sumOf(counts: Counts, name: string, labels: Labels = {}): number {
  const wanted = textsOf(labels);
  return Object.entries(counts)
    .filter(([series]) => series === name || series.startsWith(`${name}{`))
    .filter(([series]) => {
      const present = labelsOf(series);
      return wanted.every((label) => present.includes(label));
    })
    .reduce((sum, [, count]) => sum + count, 0);
}

/**
 * The least bound of a histogram, in milliseconds, within which a share of its durations lies. Infinity when that is beyond the
 * last bound, null when there are no durations.
 */
export function boundOf(counts: Counts, name: string, share: number): number | null {
  const total = counts[`${name}_count`] ?? 0;
  if (total === 0) return null;
  const within = (seconds: number) => counts[seriesOf(`${name}_bucket`, { le: String(seconds) })] ?? 0;
  const bound = BUCKETS.find((seconds) => within(seconds) >= share * total);
  return bound === undefined ? Infinity : bound * 1000;
}

/** The labels of a series, each as `textsOf` writes it. */
function labelsOf(series: string): string[] {
  return series.match(/\w+="(?:[^"\\]|\\.)*"/g) ?? [];
}

/** `label="value"` of each label. */
function textsOf(labels: Labels): string[] {
  const escape = (value: string) => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
  return Object.entries(labels).map(([label, value]) => `${label}="${escape(value)}"`);
}
