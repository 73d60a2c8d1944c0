import { z } from "zod";
import { isAttempt } from "../../../domain/delivery.ts";
import { type Cell, type Output, printableLines } from "../../output.ts";

export const PATH = "/api/events";

export const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

export const event = z.looseObject({
  id: z.string(),
  source: z.string(),
  type: z.string(),
  event: z.string().nullable(),
  organization_id: z.string().nullable(),
  resource_id: z.string().nullable(),
  created_at: z.string().nullable(),
  received_at: z.string(),
  reconciled: z.boolean().optional(),
  state: z.string(),
});

export type Event = z.output<typeof event>;

const attempt = z.looseObject({
  attempt: z.number(),
  at: z.string(),
  status: z.number().nullable(),
  outcome: z.string(),
  duration_ms: z.number(),
  response_excerpt: z.string().nullable(),
});

const delivery = z.looseObject({
  destination_id: z.string(),
  status: z.string(),
  next_attempt_at: z.string().nullable(),
  attempts: z.array(attempt),
});

export type Delivery = z.output<typeof delivery>;

export const eventDetail = event.extend({ payload: z.unknown(), deliveries: z.array(delivery) });

export type EventDetail = z.output<typeof eventDetail>;

export function asTable(events: readonly Event[], output: Output): string {
  if (events.length === 0) return "There is none.";
  return output.table(
    ["received", "id", "type", "event", "organization", "state"],
    events.map((one) => [
      one.received_at,
      one.id,
      one.type,
      one.event ?? "",
      one.organization_id ?? "",
      { text: one.state, style: styleOfState(one.state) },
    ]),
  );
}

export function asText(one: EventDetail, output: Output): string {
  const facts = output.fields([
    ["id", one.id],
    ["type", one.type],
    ["event", one.event ?? "–"],
    ["source", one.source],
    ["organization", one.organization_id ?? "–"],
    ["resource", one.resource_id ?? "–"],
    ["created", one.created_at ?? "–"],
    ["received", one.received_at],
    ...(one.reconciled === true ? [["reconciled", "made up from what Qonto lists"] as const] : []),
    ["state", { text: one.state, style: styleOfState(one.state) }],
  ]);
  const rows = one.deliveries.flatMap(({ destination_id, status, next_attempt_at, attempts }) => {
    const cell: Cell = { text: status, style: styleOfState(status) };
    if (attempts.length === 0) return [[destination_id, cell, "", "", "", next_attempt_at ?? ""]];
    return attempts.map((made, index): Cell[] => [
      index === 0 ? destination_id : "",
      index === 0 ? cell : "",
      isAttempt(made) ? String(made.attempt) : "",
      made.at,
      isAttempt(made)
        ? [made.outcome, made.status ?? "", `${made.duration_ms} ms`].filter((part) => part !== "").join(" ")
        : made.outcome,
      index === attempts.length - 1 ? (next_attempt_at ?? "") : "",
    ]);
  });
  const deliveries =
    rows.length === 0
      ? "No destination was owed it."
      : output.table(["destination", "status", "attempt", "at", "outcome", "next attempt"], rows);
  return `${facts}\n\n${deliveries}\n\n${printableLines(JSON.stringify(one.payload, null, 2))}`;
}

export function styleOfState(state: string): "green" | "red" | "yellow" | "dim" {
  if (state === "settled" || state === "delivered") return "green";
  if (state === "dead") return "red";
  return state === "pending" ? "yellow" : "dim";
}
