/** An event mostly ends within so many rounds; after that, some destination has not taken it. */
const PATIENCE = 5;

/** Of which shown events it is yet to be told, once, what the destinations have answered so far: those that do not end soon. */
export class EarlyWords {
  readonly #dueAt = new Map<string, number>();

  /** An event has been shown, or no destination had answered when it was due: it is due some rounds later. */
  expect(id: string, round: number): void {
    this.#dueAt.set(id, round + PATIENCE);
  }

  /** Those that are due, the longest first; what is pending no more has its end told instead. */
  due(pending: readonly string[], round: number): string[] {
    const still = new Set(pending);
    for (const id of this.#dueAt.keys()) if (!still.has(id)) this.#dueAt.delete(id);
    return [...this.#dueAt]
      .filter(([, at]) => at <= round)
      .toSorted(([, one], [, other]) => one - other)
      .map(([id]) => id);
  }

  told(id: string): void {
    this.#dueAt.delete(id);
  }
}
