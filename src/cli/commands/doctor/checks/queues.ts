import { z } from "zod";
import { type Finding, type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import { type Diagnostics, diagnosticsFacts } from "../relay-facts.ts";

const LOOK_EVERY_MS = 500;

/** An event is handed on within seconds. */
const OLDEST_EVENT_SECONDS = 300;

type Queues = Diagnostics["queues"];
type QueueName = keyof Queues;

const queueNames: Readonly<Record<QueueName, string>> = {
  events: "qonto-relay-events",
  retries: "qonto-relay-retries",
  dead_letters: "qonto-relay-dead-letters",
};
const all = ["events", "retries", "dead_letters"] as const;

export interface QueuesSeen {
  /** Unix milliseconds, by the relay's clock. */
  readonly now: number;
  readonly sentAt: number;
  readonly waitedMs: number;
  readonly queues: Queues;
}

/** A message sent into each queue must come out of it. */
export async function examineQueues(patient: Patient): Promise<Result> {
  const { world, progress } = patient.circumstances;
  await patient.diagnostics();
  const sent = await patient.inside((relay) =>
    relay.post("/api/diagnostics/probe", {}, z.object({ sent_at: z.string() })),
  );
  const sentAt = Date.parse(sent.sent_at);
  const startedAt = world.elapsedMs();
  for (;;) {
    const { now, queues } = await patient.inside((relay) => relay.get("/api/diagnostics", diagnosticsFacts));
    const waitedMs = world.elapsedMs() - startedAt;
    const waiting = all.filter((name) => !isConsumed(queues[name], sentAt));
    if (waiting.length === 0 || waitedMs >= world.timeBoxes.queuesMs) {
      return judgeQueues({ now, sentAt, waitedMs, queues });
    }
    progress(`queues: waiting for ${waiting.join(", ")}, ${Math.round(waitedMs / 1000)} s …`);
    await world.wait(LOOK_EVERY_MS);
  }
}

export function judgeQueues({ now, sentAt, waitedMs, queues }: QueuesSeen): Result {
  const seconds = (waitedMs / 1000).toFixed(1);
  const stuck = all
    .filter((name) => !isConsumed(queues[name], sentAt))
    .map((name): Finding => {
      const backlog = queues[name].backlog;
      const seen = `A probe sent into it has not come out within ${seconds} s${backlog === null ? "" : `; ${backlog} messages wait`}.`;
      const remedy =
        "See whether it is attached and why it fails; a deploy attaches it. Events wait meanwhile, and are not lost.";
      const commands = [
        `npx wrangler queues consumer list ${queueNames[name]}`,
        "npx wrangler tail",
        "npx wrangler deploy",
      ];
      return name === "dead_letters"
        ? {
            fault: "dead_letter_consumer_stuck",
            what: `What the queues give up on is not written down: the consumer of ${queueNames[name]} does not run.`,
            seen,
            remedy,
            commands,
          }
        : { fault: "queue_stuck", what: `The consumer of ${queueNames[name]} does not run.`, seen, remedy, commands };
    });
  const oldestSeconds = Math.round((now - (queues.events.oldest_message_at ?? now)) / 1000);
  const isBehind = oldestSeconds > OLDEST_EVENT_SECONDS && isConsumed(queues.events, sentAt);
  return judged(
    [
      ...stuck,
      ...(isBehind
        ? [
            {
              fault: "queue_backlog_old",
              what: "Events wait in the queue for minutes: its consumer cannot keep up, or fails on some.",
              seen: `The oldest message of ${queueNames.events} is ${oldestSeconds} s old; ${queues.events.backlog ?? "some"} wait.`,
              remedy: "Look at the log of the consumer for what fails.",
              commands: ["npx wrangler tail"],
            } as const,
          ]
        : []),
    ],
    `Each consumer had the probe within ${seconds} s. Messages that wait: ${all.map((name) => `${name} ${queues[name].backlog ?? "unknown"}`).join(", ")}.`,
  );
}

function isConsumed({ probe_consumed_at }: Queues[QueueName], sentAt: number): boolean {
  return probe_consumed_at !== null && probe_consumed_at >= sentAt;
}
