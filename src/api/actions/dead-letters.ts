import type { Env } from "../../env.ts";
import { parseMessage } from "../../messages.ts";
import { tryParseJson } from "../../platform/json.ts";
import type { World } from "../../platform/world.ts";
import { dropDeadLetter, findDeadLetter, markReplayed } from "../../store/dead-letters.ts";
import { refuse } from "../refusals.ts";
import { type ActionContext, existing, notFound } from "../requests.ts";
import { audited } from "./audited.ts";

/** Sends a dead letter's message to its queue again. */
export async function replayDeadLetter(c: ActionContext, world: World, id: string): Promise<void> {
  const letter = existing(await findDeadLetter(c.env.DB, id), "dead letter");
  await audited(c, world, {
    action: "dead_letter.replayed",
    subject: id,
    make: async () => {
      await sendToItsQueue(letter.message, c.env);
      await markReplayed(c.env.DB, id, world.now());
    },
  });
}

export async function deleteDeadLetter(c: ActionContext, world: World, id: string): Promise<void> {
  await audited(c, world, {
    action: "dead_letter.dropped",
    subject: id,
    make: async () => {
      if (!(await dropDeadLetter(c.env.DB, id))) throw notFound("dead letter");
    },
  });
}

/** Every consumer reads D1 first, so a surplus message does no harm. */
async function sendToItsQueue(json: string, env: Pick<Env, "EVENTS" | "RETRIES">): Promise<void> {
  const message = parseMessage(tryParseJson(json));
  if (message === null) throw refuse("not_replayable");
  const isOfEvents = message.kind === "events" || message.kind === "quarantine";
  await (isOfEvents ? env.EVENTS : env.RETRIES).send(message);
}
