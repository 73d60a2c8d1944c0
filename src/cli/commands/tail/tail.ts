import { isEndedWithoutAttempt } from "../../../domain/delivery.ts";
import { defineCommand } from "../../command.ts";
import { option, readTime } from "../../options.ts";
import { type Output, padEnd, printable } from "../../output.ts";
import { type Event, type EventDetail, styleOfState } from "../events.ts";
import { follow } from "./follow.ts";

export const tail = defineCommand({
  name: "tail",
  summary:
    "show events as they are received, and the answers of their destinations: when all have answered, and meanwhile if it takes long; Ctrl-C ends it",
  asks: ["relay"],
  options: {
    type: option("--type <type>", "of this type only"),
    organization: option("--organization <id>", "of this organization only"),
    sinceMs: option("--since <time>", "begin there: an instant, or how long ago, as 2h (else now)", readTime),
  },
  example: "tail --type v1/transactions --since 10m",
  async run({ output, openRelay, world }, given) {
    await follow(openRelay(), {
      ...given,
      onEvent: (event) => output.line({ kind: "event", ...event }, () => eventLine(event, output)),
      onAnswers: (event) => output.line(asDocument("answers", event), () => answersLine(event, output)),
      onOutcome: (event) => output.line(asDocument("outcome", event), () => answersLine(event, output)),
      note: (text) => output.note(text),
      wait: world.wait,
    });
  },
});

const TYPE_WIDTH = 34;

function eventLine(one: Event, output: Output): string {
  const what = printable(`${one.type} ${one.event ?? ""}`).trimEnd();
  return [
    output.paint("dim", printable(one.received_at)),
    padEnd(what, TYPE_WIDTH),
    printable(one.id),
    output.paint("dim", printable(one.organization_id ?? "")),
    output.paint(styleOfState(one.state), printable(one.state)),
  ].join("  ");
}

function answersLine(one: EventDetail, output: Output): string {
  const destinations = one.deliveries.map(({ destination_id, status, attempts }) => {
    const last = attempts.at(-1);
    const how =
      last === undefined
        ? ""
        : isEndedWithoutAttempt(last)
          ? ` (${printable(last.outcome)})`
          : ` (attempt ${last.attempt}: ${last.status ?? printable(last.outcome)}, ${last.duration_ms} ms)`;
    return `${printable(destination_id)} ${output.paint(styleOfState(status), printable(status))}${how}`;
  });
  const whose = destinations.length === 0 ? "no recipients" : destinations.join(", ");
  return `  ${output.paint(styleOfState(one.state), `→ ${printable(one.state)}`)}  ${printable(one.id)}  ${whose}`;
}

function asDocument(kind: "answers" | "outcome", { id, type, state, deliveries }: EventDetail): object {
  const last = deliveries.map(({ destination_id, status, attempts }) => {
    const attempt = attempts.at(-1);
    return {
      destination_id,
      status,
      attempts: attempt?.attempt ?? 0,
      last_status: attempt?.status ?? null,
      last_outcome: attempt?.outcome ?? null,
    };
  });
  return { kind, id, type, state, deliveries: last };
}
