/** What a destination has had of the calls. */
interface Share<Job> {
  readonly waiting: Job[];
  inFlight: number;
  begun: number;
  isStopped: boolean;
}

/** Says which job is next, so that each destination gets an equal share of the calls in flight. */
export class FairShare<Job extends { readonly destination: { readonly id: string } }> {
  readonly #shares: ReadonlyMap<string, Share<Job>>;

  /** Of equal shares the one whose job stands first in `jobs` is next. */
  constructor(jobs: readonly Job[]) {
    const byDestination = Map.groupBy(jobs, ({ destination }) => destination.id);
    this.#shares = new Map(
      [...byDestination].map(([id, waiting]) => [id, { waiting, inFlight: 0, begun: 0, isStopped: false }]),
    );
  }

  /** Takes the next job: of the destination with the fewest calls in flight and, of those, with the fewest begun. */
  begin(): Job | undefined {
    let next: Share<Job> | undefined;
    for (const share of this.#shares.values()) {
      if (share.waiting.length === 0 || share.isStopped) continue;
      if (next === undefined || (share.inFlight - next.inFlight || share.begun - next.begun) < 0) next = share;
    }
    if (next === undefined) return undefined;
    next.inFlight += 1;
    next.begun += 1;
    return next.waiting.shift();
  }

  finish({ destination }: Job): void {
    const share = this.#shares.get(destination.id);
    if (share !== undefined) share.inFlight -= 1;
  }

  /** No further job of this one's destination is begun. */
  stop({ destination }: Job): void {
    const share = this.#shares.get(destination.id);
    if (share !== undefined) share.isStopped = true;
  }

  /** The jobs that were not begun, each with whether its destination was stopped. */
  rest(): { readonly job: Job; readonly isStopped: boolean }[] {
    return [...this.#shares.values()].flatMap(({ waiting, isStopped }) => waiting.map((job) => ({ job, isStopped })));
  }
}
