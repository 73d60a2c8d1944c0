import { z } from "zod";
import { isAttempt } from "../../../domain/delivery.ts";
import { type QontoCommand, openRelay, relayOption } from "../../command.ts";
import { type Output, printable } from "../../output.ts";
import { readTime } from "../../read-time.ts";
import { type Delivery, type Event, type EventDetail, styleOfState } from "../events/event.ts";
import { follow } from "./follow.ts";

const options = z.object({
  type: z.string().optional(),
  organization: z.string().optional(),
  since: z.string().optional(),
});

/** `tail`: events as they pass. */
export function addTail(program: QontoCommand): void {
  program
    .command("tail")
    .description(
      "show events as they pass, and what each destination answers: when all have, and meanwhile if it takes long; Ctrl-C ends it",
    )
    .addOption(relayOption())
    .option("--type <type>", "of this type alone")
    .option("--organization <id>", "of this organization alone")
    .option("--since <time>", "begin there: an instant, or how long ago, as 2h (else now)")
    .addHelpText("after", "\nExample:\n  npm run qonto -- tail --type v1/transactions --since 10m")
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { now, wait } = invocation.world;
      const { type, organization, since } = options.parse(command.opts());
      await follow(openRelay(command), {
        type,
        organization,
        sinceMs: since === undefined ? undefined : readTime(since, "--since", now()),
        onEvent: (event) => output.line({ kind: "event", ...event }, () => eventLine(event, output)),
        onAnswers: (event) => output.line(document("answers", event), () => answersLine(event, output)),
        onOutcome: (event) => output.line(document("outcome", event), () => answersLine(event, output)),
        note: (text) => output.note(text),
        wait,
      });
    });
}

const TYPE_WIDTH = 34;

function eventLine(one: Event, output: Output): string {
  const what = printable(`${one.type} ${one.event ?? ""}`).trimEnd();
  return [
    output.paint("dim", printable(one.received_at)),
    what.padEnd(TYPE_WIDTH),
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
        : !isAttempt(last)
          ? ` (${printable(last.outcome)})`
          : ` (attempt ${last.attempt}: ${last.status ?? printable(last.outcome)}, ${last.duration_ms} ms)`;
    return `${printable(destination_id)} ${output.paint(styleOfState(status), printable(status))}${how}`;
  });
  const whose = destinations.length === 0 ? "no destination wanted it" : destinations.join(", ");
  return `  ${output.paint(styleOfState(one.state), `→ ${printable(one.state)}`)}  ${printable(one.id)}  ${whose}`;
}

function document(kind: "answers" | "outcome", { id, type, state, deliveries }: EventDetail): object {
  return { kind, id, type, state, deliveries: deliveries.map(summary) };
}

function summary({ destination_id, status, attempts }: Delivery): object {
  const last = attempts.at(-1);
  return {
    destination_id,
    status,
    attempts: last?.attempt ?? 0,
    last_status: last?.status ?? null,
    last_outcome: last?.outcome ?? null,
  };
}
