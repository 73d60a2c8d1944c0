/** One thing done wrong in the source, which breaks a promise of the relay. */
export interface DeliberateFault {
  readonly title: string;
  /** Of the source, from its root. */
  readonly file: string;
  /** Occurs once in the file; stands for `to` in the relay that is built. */
  readonly from: string;
  readonly to: string;
}

/** The source with a fault in it. */
export function applyFault({ title, file, from, to }: DeliberateFault, source: string): string {
  const [before, after, ...others] = source.split(from);
  if (before === undefined || after === undefined || others.length > 0) {
    throw new Error(`"${title}" needs its text to occur once in ${file}: ${from}`);
  }
  return before + to + after;
}
