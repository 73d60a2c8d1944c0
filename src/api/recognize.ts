import type { Env } from "../env.ts";
import { type Caller, digestOf, findCaller } from "./caller.ts";
import { refuse } from "./refusals.ts";
import type { Throttle } from "./throttle.ts";

const THROTTLED_SECONDS = 60;

/** Whose token was presented; null for nobody's. Throws a refusal when too many wrong ones came from the address. */
export async function recognize(
  presented: string,
  { env, now, throttle, address }: { env: Env; now: number; throttle: Throttle; address: string | undefined },
): Promise<Caller | null> {
  const digest = await digestOf(presented);
  if (await throttle.refuses(digest, address, env)) {
    throw refuse("too_many_requests", {}, { "retry-after": String(THROTTLED_SECONDS) });
  }
  const caller = await findCaller(presented, digest, env, now);
  throttle.note(digest, caller !== null);
  return caller;
}
