import type { z } from "zod";
import { replay as replaySchema, replayedEvent, startedReplay } from "../../api/schemas/replay.ts";
import { defineCommand, defineGroup } from "../command.ts";
import type { Context } from "../context.ts";
import { choice, option, readIsoTime, required } from "../options.ts";
import type { RelayClient } from "../relay-client.ts";
import { destinationPath } from "../destination-path.ts";
import { eventPath } from "./events.ts";

const POLL_MS = 1_000;

const ofEvent = defineCommand({
  name: "event",
  summary: "an event: to one destination, or to all that want it and do not have it",
  arguments: { id: "the event's id" },
  asks: ["relay"],
  options: { to: option("--to <destination>", "this destination, even if it has it") },
  example: "replay event 018f71db-… --to dst_0193",
  async run({ output, openRelay }, { id, to }) {
    const { count } = await openRelay().post(`${eventPath(id)}/replay`, { destination_id: to }, replayedEvent);
    output.show({ count }, () =>
      count === 0
        ? "Every destination that wants it has it: nothing is replayed."
        : `Replayed to ${plural(count, "destination")}.`,
    );
  },
});

const ofDestination = defineCommand({
  name: "destination",
  summary: "a destination's past events, oldest first; ends when all deliveries are pending",
  arguments: { id: "the destination's id" },
  asks: ["relay"],
  options: {
    since: required("--since <time>", "events received then or later: an instant, or how long ago, as 3d", readIsoTime),
    until: option("--until <time>", "and before (else now)", readIsoTime),
    which: choice("--which <which>", "its dead deliveries, the events that it has no delivery of, or all", "failed", [
      "failed",
      "missing",
      "all",
    ]),
  },
  example: "replay destination dst_0193 --since 2h --which missing",
  async run(context, { id, ...input }) {
    const { output, openRelay } = context;
    const relay = openRelay();
    const { count, replay_id } = await relay.post(`${destinationPath(id)}/replay`, input, startedReplay);
    const finished = await untilFinished(relay, replay_id, context);
    output.show({ count, ...finished }, () => `Replaying ${plural(count, "delivery", "deliveries")}.`);
  },
});

export const replay = defineGroup("replay", "send events again", { commands: [ofEvent, ofDestination] });

type Replay = z.output<typeof replaySchema>;

async function untilFinished(relay: RelayClient, id: string, { output, world }: Context): Promise<Replay> {
  for (;;) {
    const state = await relay.get(`/api/replays/${encodeURIComponent(id)}`, replaySchema.loose());
    if (state.finished_at !== null) return state;
    output.progress(`${percentOf(state)} % (${state.reached_at}) …`);
    await world.wait(POLL_MS);
  }
}

/** How much of the time from `since` to `until` is done. */
function percentOf({ since, until, reached_at }: Replay): number {
  const fromMs = Date.parse(since);
  const durationMs = Date.parse(until) - fromMs;
  return durationMs > 0 ? Math.floor((100 * (Date.parse(reached_at) - fromMs)) / durationMs) : 0;
}

function plural(count: number, one: string, several = `${one}s`): string {
  return count === 1 ? `1 ${one}` : `${count} ${several}`;
}
