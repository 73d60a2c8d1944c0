import { z } from "zod";
import type { Env } from "../env.ts";
import { type ProbeMessage, type QueueMessage, parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { keepDeadLetter } from "../store/dead-letters.ts";
import { writeMarks } from "../store/marks.ts";
import { secure } from "./secure.ts";

export interface BuryingDead {
  readonly env: Pick<Env, "DB" | "DEAD_LETTERS">;
  readonly world: Pick<World, "now">;
}

/** Of the hundred tries that this queue has too, after which it drops a message; the rest is for when the copy fails. */
const LAST_TRIES_FROM = 90;

/** As long as the queue itself waits (wrangler.toml). */
const RETRY_DELAY_SECONDS = 600;

/**
 * Takes what a consumer could not handle in all its tries. Each message becomes a record that an operator sees and can
 * replay, and what only the message holds is secured in the same transaction. A message leaves the queue when it is in D1.
 */
export async function consumeDeadLetters(batch: MessageBatch, burying: BuryingDead): Promise<void> {
  for (const message of batch.messages) {
    try {
      const content = parseMessage(message.body);
      if (content?.kind === "probe") await writeMarks(burying.env.DB, { probed_dead_letters: content.sent_at });
      else await bury(message, content, burying);
      message.ack();
    } catch (error) {
      logFailure("bury-dead-letter", error, { message_id: message.id, tries: message.attempts });
      await keepWithTheQueue(message, burying);
    }
  }
}

async function bury(
  message: Message,
  content: Exclude<QueueMessage, ProbeMessage> | null,
  { env, world }: BuryingDead,
): Promise<void> {
  const receivedAt = world.now();
  const letter = { id: message.id, kind: content?.kind ?? "unknown", ...readNames(message.body), receivedAt };
  await keepDeadLetter(env.DB, letter, toJson(message.body), await secure(content, env.DB, receivedAt));
  logFailure("dead-letter", new Error("A message was given up on"), {
    message_id: letter.id,
    kind: letter.kind,
    event_id: letter.eventId,
    destination_id: letter.destinationId,
  });
}

/** Before its last try a message is followed by a copy, which has all of them again. */
async function keepWithTheQueue(message: Message, { env }: BuryingDead): Promise<void> {
  if (message.attempts < LAST_TRIES_FROM) {
    message.retry({ delaySeconds: RETRY_DELAY_SECONDS });
    return;
  }
  try {
    await env.DEAD_LETTERS.send(message.body, { delaySeconds: RETRY_DELAY_SECONDS });
    message.ack();
  } catch (error) {
    logFailure("copy-dead-letter", error, { message_id: message.id, tries: message.attempts });
    message.retry({ delaySeconds: RETRY_DELAY_SECONDS });
  }
}

const name = z.string().nullable().catch(null);
const names = z.object({ kind: name, id: name, event_id: name, destination_id: name });

/** Whom a message is about, whatever its kind: an event's own calls the event's id `id`. */
function readNames(body: unknown): { eventId: string | null; destinationId: string | null } {
  const { id, event_id, destination_id } = names.safeParse(body).data ?? {
    id: null,
    event_id: null,
    destination_id: null,
  };
  return { eventId: event_id ?? id, destinationId: destination_id };
}

/** Whatever it is: a queue carries more than JSON can say. */
function toJson(body: unknown): string {
  try {
    return JSON.stringify(body) ?? "null";
  } catch {
    return JSON.stringify(String(body));
  }
}
