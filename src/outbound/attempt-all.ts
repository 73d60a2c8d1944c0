import type { Attempt, Delivery } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type Posting, post } from "./post.ts";

/** A delivery whose next attempt is to be made. */
export interface Job {
  readonly event: RelayEvent;
  readonly destination: Destination;
  readonly delivery: Delivery;
}

/** What came of a job; `attempt` is null when it was put off without being made. */
export interface JobResult {
  readonly job: Job;
  readonly attempt: Attempt | null;
}

/** An invocation may wait for six answers at once; the seventh call would queue while its timer already runs. */
const MAX_IN_FLIGHT = 5;

export interface Limits {
  /** Longest wait for one answer, whatever the destination's own. */
  readonly attemptMs: number;
  /** After this no further attempt is begun. */
  readonly allMs: number;
}

/**
 * Makes attempts side by side, each destination getting an equal share of the calls in flight. A destination that lets
 * one time out gets no more of them this time, and what time does not suffice for is put off: so neither a hanging
 * destination nor a long batch holds up the others.
 */
export async function attemptAll(
  jobs: readonly Job[],
  limits: Limits,
  posting: Omit<Posting, "limitMs">,
): Promise<JobResult[]> {
  const lanes = [...Map.groupBy(jobs, ({ destination }) => destination.id).values()].map((waiting) => ({
    waiting: waiting.toReversed(),
    inFlight: 0,
    timedOut: false,
  }));
  const results: JobResult[] = [];
  const endAt = posting.world.now() + limits.allMs;

  const next = () =>
    lanes
      .filter(({ waiting, timedOut }) => waiting.length > 0 && !timedOut)
      .reduce<(typeof lanes)[number] | undefined>(
        (idlest, lane) => (idlest === undefined || lane.inFlight < idlest.inFlight ? lane : idlest),
        undefined,
      );

  const work = async () => {
    for (let lane = next(); lane !== undefined && posting.world.now() < endAt; lane = next()) {
      const job = lane.waiting.pop();
      if (job === undefined) return;
      lane.inFlight += 1;
      const { event, destination, delivery } = job;
      const limitMs = Math.min(limits.attemptMs, destination.timeoutMs);
      const attempt = await post(event, destination, delivery.attempts.length + 1, { ...posting, limitMs });
      lane.inFlight -= 1;
      lane.timedOut ||= attempt.outcome === "timed_out";
      results.push({ job, attempt });
    }
  };
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, work));

  const putOff = lanes.flatMap(({ waiting }) => waiting.map((job): JobResult => ({ job, attempt: null })));
  return [...results, ...putOff];
}
