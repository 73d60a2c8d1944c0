import type { Counters } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import type { PostContext } from "../outbound/post.ts";

/** What fan-out and drains deliver with. */
export interface DeliverContext extends PostContext {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly counters: Counters;
  /** Lets attempts continue in the background, after the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}
