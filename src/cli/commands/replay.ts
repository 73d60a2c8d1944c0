import { Option } from "commander";
import { z } from "zod";
import { type QontoCommand, openRelay, relayOption } from "../command.ts";
import type { RelayClient } from "../relay-client.ts";
import type { Output } from "../output.ts";
import { readTime } from "../read-time.ts";
import type { World } from "../world.ts";
import { pathOf as pathOfDestination } from "./destinations/destination.ts";
import { pathOf as pathOfEvent } from "./events/event.ts";

const LOOK_EVERY_MS = 1_000;

const begun = z.object({ count: z.number(), replay_id: z.string() });
const progress = z.looseObject({
  since: z.string(),
  until: z.string(),
  reached_at: z.string(),
  finished_at: z.string().nullable(),
});

/** `replay …`: sends again. */
export function addReplay(program: QontoCommand): void {
  const replay = program.command("replay").description("send again");
  addReplayEvent(replay);
  addReplayDestination(replay);
}

function addReplayEvent(replay: QontoCommand): void {
  replay
    .command("event <id>")
    .description("an event: to one destination, or to all that want it and do not have it")
    .addOption(relayOption())
    .option("--to <destination>", "this destination, even if it has it")
    .addHelpText("after", "\nExample:\n  npm run qonto -- replay event 018f71db-… --to dst_0193")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      const { to } = z.object({ to: z.string().optional() }).parse(command.opts());
      const body = to === undefined ? {} : { destination_id: to };
      const { count } = await openRelay(command).post(
        `${pathOfEvent(id)}/replay`,
        body,
        z.object({ count: z.number() }),
      );
      const text =
        count === 0 ? "Nobody lacks it: nothing is sent again." : `On its way again to ${destinations(count)}.`;
      output.show({ count }, () => text);
    });
}

const options = z.object({
  since: z.string(),
  until: z.string().optional(),
  which: z.enum(["failed", "missing", "all"]),
});

function addReplayDestination(replay: QontoCommand): void {
  replay
    .command("destination <id>")
    .description("a destination's past, oldest first; ends when all of it is on its way")
    .addOption(relayOption())
    .requiredOption("--since <time>", "events received then or later: an instant, or how long ago, as 3d")
    .option("--until <time>", "and before (else now)")
    .addOption(
      new Option("--which <which>", "what it failed to take, what it missed, or all")
        .choices(["failed", "missing", "all"])
        .default("failed"),
    )
    .addHelpText("after", "\nExample:\n  npm run qonto -- replay destination dst_0193 --since 2h --which missing")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { now, wait } = invocation.world;
      const { since, until, which } = options.parse(command.opts());
      const body = {
        since: new Date(readTime(since, "--since", now())).toISOString(),
        ...(until === undefined ? {} : { until: new Date(readTime(until, "--until", now())).toISOString() }),
        which,
      };
      const relay = openRelay(command);
      const { count, replay_id } = await relay.post(`${pathOfDestination(id)}/replay`, body, begun);
      const finished = await untilFinished(relay, replay_id, { output, wait });
      output.show(
        { count, ...finished },
        () => `${count} ${count === 1 ? "delivery is" : "deliveries are"} on the way again.`,
      );
    });
}

async function untilFinished(
  relay: RelayClient,
  id: string,
  { output, wait }: Pick<World, "wait"> & { readonly output: Output },
): Promise<z.output<typeof progress>> {
  for (;;) {
    const state = await relay.get(`/api/replays/${encodeURIComponent(id)}`, progress);
    if (state.finished_at !== null) return state;
    output.progress(`${share(state)} % (${state.reached_at}) …`);
    await wait(LOOK_EVERY_MS);
  }
}

/** How much of the time between `since` and `until` is done. */
function share({ since, until, reached_at }: z.output<typeof progress>): number {
  const [from, to, reached] = [since, until, reached_at].map((text) => Date.parse(text));
  if (from === undefined || to === undefined || reached === undefined || to <= from) return 0;
  return Math.floor((100 * (reached - from)) / (to - from));
}

function destinations(count: number): string {
  return count === 1 ? "one destination" : `${count} destinations`;
}
