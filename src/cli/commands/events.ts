import { z } from "zod";
import { attempt, delivery } from "../../api/schemas/delivery.ts";
import { event as eventSchema, eventDetail as eventDetailSchema } from "../../api/schemas/event.ts";
import { isEndedWithoutAttempt } from "../../domain/delivery.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { option, orWord, readIsoTime, readWhole, withDefault } from "../options.ts";
import { type Cell, type Output, printableLines } from "../output.ts";

export const EVENTS_PATH = "/api/events";

export const eventPath = (id: string) => `${EVENTS_PATH}/${encodeURIComponent(id)}`;

/** A newer relay may know more fields, states and outcomes. A program that reads `--json` gets them all. */
const asRead = { source: z.string(), state: z.string() };
export const event = eventSchema.extend(asRead).loose();

const attempts = z.array(attempt.extend({ outcome: z.string() }).loose());
const deliveries = z.array(delivery.extend({ status: z.string(), attempts }).loose());
const notSentTo = eventDetailSchema.shape.not_sent_to.default([]);
export const eventDetail = eventDetailSchema.extend({ ...asRead, deliveries, not_sent_to: notSentTo }).loose();

export type Event = z.output<typeof event>;
export type EventDetail = z.output<typeof eventDetail>;

const list = defineCommand({
  name: "list",
  summary: "list them, newest first",
  asks: ["relay"],
  options: {
    type: option("--type <type>", "of this type only"),
    organization: option("--organization <id>", "of this organization only"),
    since: option("--since <time>", "received then or later: an instant, or how long ago, as 2h", readIsoTime),
    until: option("--until <time>", "received before", readIsoTime),
    limit: withDefault(
      "--limit <n>",
      "at most this many; or `all`",
      "50",
      orWord("all", Infinity, readWhole(1, 999_999_999)),
    ),
  },
  example: "events list --type v1/transactions --since 2h --limit all",
  async run({ output, openRelay }, { organization, ...query }) {
    const events = openRelay().list(EVENTS_PATH, event, { organization_id: organization, ...query });
    const found = await Array.fromAsync(events);
    output.show({ data: found }, () => asTable(found, output));
  },
});

const show = defineCommand({
  name: "show",
  summary: "show one, its payload, and each attempt at each destination",
  arguments: { id: "the event's id" },
  asks: ["relay"],
  example: "events show 018f71db-c635-78b5-b90a-ea05de98c2bf",
  async run({ output, openRelay }, { id }) {
    output.show(await openRelay().get(eventPath(id), eventDetail), asText);
  },
});

export const events = defineGroup("events", "received events and their deliveries", { commands: [list, show] });

function asTable(found: readonly Event[], output: Output): string {
  if (found.length === 0) return "No events.";
  return output.table(
    ["received", "id", "type", "event", "organization", "state"],
    found.map((one) => [
      one.received_at,
      one.id,
      one.type,
      one.event ?? "",
      one.organization_id ?? "",
      stateCell(one.state),
    ]),
  );
}

function asText(one: EventDetail, output: Output): string {
  const facts = output.fields([
    ["id", one.id],
    ["type", one.type],
    ["event", one.event ?? "–"],
    ["source", one.source],
    ["organization", one.organization_id ?? "–"],
    ["resource", one.resource_id ?? "–"],
    ["created", one.created_at ?? "–"],
    ["received", one.received_at],
    ["reconciled", one.reconciled ? "made by `reconcile` from what Qonto lists" : null],
    ["state", stateCell(one.state)],
  ]);
  const rows = one.deliveries.flatMap(({ destination_id, status, next_attempt_at, attempts }): Cell[][] => {
    const made = attempts.length === 0 ? [["", "", ""]] : attempts.map(attemptCells);
    return made.map((cells, index) => [
      ...(index === 0 ? [destination_id, stateCell(status)] : ["", ""]),
      ...cells,
      index === made.length - 1 ? (next_attempt_at ?? "") : "",
    ]);
  });
  const deliveries =
    rows.length === 0
      ? "No recipients."
      : output.table(["destination", "status", "attempt", "at", "outcome", "next attempt"], rows);
  const others = one.not_sent_to.map(({ destination_id, reason }) => [destination_id, reason]);
  const notSent = others.length === 0 ? "" : `\n\n${output.table(["not sent to", "reason"], others)}`;
  return `${facts}\n\n${deliveries}${notSent}\n\n${printableLines(JSON.stringify(one.payload, null, 2))}`;
}

/** Its number, time and outcome. */
function attemptCells(made: EventDetail["deliveries"][number]["attempts"][number]): string[] {
  if (isEndedWithoutAttempt(made)) return ["", made.at, made.outcome];
  const outcome = made.status === null ? made.outcome : `${made.outcome} ${made.status}`;
  return [String(made.attempt), made.at, `${outcome} ${made.duration_ms} ms`];
}

function stateCell(state: string): Cell {
  return { text: state, style: styleOfState(state) };
}

export function styleOfState(state: string): "green" | "red" | "yellow" | "dim" {
  if (state === "settled" || state === "delivered") return "green";
  if (state === "dead") return "red";
  return state === "pending" ? "yellow" : "dim";
}
