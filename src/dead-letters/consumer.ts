import { z } from "zod";
import type { Env } from "../env.ts";
import {
  type CanaryMessage,
  type QueueMessage,
  messageOf,
  metadataOf,
  parseMessage,
  unreadableOf,
} from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { readEventText } from "../qonto/read-event.ts";
import { writeCronState } from "../store/cron-state.ts";
import type { Database } from "../store/database.ts";
import { keepDeadLetter } from "../store/dead-letters.ts";
import { recordOnce } from "../store/events.ts";
import { keepAndNote, toQuarantined } from "../store/quarantine.ts";
import { describeSchemaFault, isSchemaFault } from "../store/schema.ts";

export interface DeadLetterContext {
  readonly env: Pick<Env, "DB" | "DEAD_LETTERS">;
  readonly world: Pick<World, "now">;
}

/** Of the queue's hundred tries, after which it drops a message; the rest is for a copy that fails. */
const LAST_TRIES_FROM = 90;

/** As long as the queue itself waits (wrangler.toml). */
const RETRY_DELAY_SECONDS = 600;

/**
 * Takes messages that a consumer could not handle in all its tries. Each message, or each event in it, becomes a record that
 * an operator sees and can replay, and what only the message holds is persisted in the same transaction. A message stays in
 * the queue until it is in D1.
 */
export async function consumeDeadLetters(batch: MessageBatch, context: DeadLetterContext): Promise<void> {
  let schemaFault: unknown = null;
  for (const message of batch.messages) {
    try {
      const content = parseMessage(message.body);
      if (content?.kind === "canary") await writeCronState(context.env.DB, { canary_dead_letters: content.sent_at });
      else await bury(message, content, context);
      message.ack();
    } catch (error) {
      if (isSchemaFault(error)) schemaFault = error;
      else
        logFailure("dead_letters", error, {
          message: "dead_letter.keep_failed",
          message_id: message.id,
          tries: message.attempts,
        });
      await keepWithTheQueue(message, context);
    }
  }
  // One line for the batch: all its messages fail for the same reason.
  if (schemaFault !== null) {
    const messages = batch.messages.length;
    logFailure("dead_letters", await describeSchemaFault(context.env.DB, schemaFault), {
      message: "batch.deferred",
      messages,
    });
  }
}

type Content = Exclude<QueueMessage, CanaryMessage> | null;

async function bury(message: Message, whole: Content, { env, world }: DeadLetterContext): Promise<void> {
  const receivedAt = world.now();
  for (const { content, body, ...about } of split(message, whole)) {
    const letter = { ...about, receivedAt };
    const isKept = await keepDeadLetter(env.DB, letter, toJson(body), await persist(content, env.DB, receivedAt));
    if (!isKept) continue;
    logFailure("dead_letters", new Error("No consumer could handle a message in all its tries"), {
      message: "dead_letter.kept",
      message_id: letter.id,
      kind: letter.kind,
      event_id: letter.eventId,
      destination_id: letter.destinationId,
    });
  }
}

/**
 * Statements that record what only a message may hold: an event, or the body of an unreadable one. The time of receipt is now,
 * because the recovery scan looks at the latest events, and retention deletes the oldest.
 */
async function persist(content: Content, db: Database, now: number): Promise<D1PreparedStatement[]> {
  if (content?.kind === "events") {
    return content.events.flatMap(({ inline }) => {
      const event = inline && readEventText(inline.body, { ...metadataOf(inline), receivedAt: now });
      return event === null ? [] : [recordOnce(db, event)];
    });
  }
  if (content?.kind !== "quarantine") return [];
  return keepAndNote(db, await toQuarantined({ ...unreadableOf(content), receivedAt: now }, "unreadable", null));
}

interface Part {
  /** The same at each try of the message. */
  readonly id: string;
  readonly kind: string;
  readonly eventId: string | null;
  readonly destinationId: string | null;
  readonly content: Content;
  readonly body: unknown;
}

/** A message of several events becomes a record for each. A replay sends a message without a lease. */
function split({ id, body }: Message, content: Content): Part[] {
  if (content?.kind !== "events") {
    return [{ id, kind: content?.kind ?? "unknown", ...names.parse(body), content, body }];
  }
  return content.events.map((event, index, { length }) => {
    const single = messageOf([{ ...event, lease_until: null }]);
    const about = { kind: "event", eventId: event.id, destinationId: null };
    return { id: length === 1 ? id : `${id}-${index}`, ...about, content: single, body: single };
  });
}

/** Before its last tries a message is replaced by a copy, which has all the tries again. */
async function keepWithTheQueue(message: Message, { env }: DeadLetterContext): Promise<void> {
  if (message.attempts >= LAST_TRIES_FROM) {
    try {
      await env.DEAD_LETTERS.send(message.body, { delaySeconds: RETRY_DELAY_SECONDS });
      return message.ack();
    } catch (error) {
      logFailure("dead_letters", error, {
        message: "dead_letter.copy_failed",
        message_id: message.id,
        tries: message.attempts,
      });
    }
  }
  message.retry({ delaySeconds: RETRY_DELAY_SECONDS });
}

const name = z.string().nullable().catch(null);

/** The event and the destination that a message of any kind names. */
const names = z
  .object({ event_id: name, destination_id: name })
  .catch({ event_id: null, destination_id: null })
  .transform(({ event_id, destination_id }) => ({ eventId: event_id, destinationId: destination_id }));

/** A queue carries more than JSON can say. */
function toJson(body: unknown): string {
  try {
    return JSON.stringify(body) ?? "null";
  } catch {
    return JSON.stringify(String(body));
  }
}
