import type { z } from "zod";
import { preview as previewSchema } from "../../api/schemas/preview.ts";
import { formats } from "../../domain/format.ts";
import { defineCommand } from "../command.ts";
import { destinationPath } from "../destination-path.ts";
import { option } from "../options.ts";
import { type Output, printable, printableLines } from "../output.ts";
import { filterOption } from "./filtering.ts";
import { readFormatting, templateFile } from "./formatting.ts";

const previewAnswer = previewSchema.loose();

export const preview = defineCommand({
  name: "preview",
  summary: "show what it would receive of the newest events with other options; nothing is changed or sent",
  arguments: { id: "as `destinations list` shows it" },
  asks: ["relay"],
  options: {
    filter: filterOption,
    format: option("--format <format>", `one of ${formats.join(", ")} (else its own)`),
    template: templateFile,
    event_id: option("--event <id>", "the event to show (else the newest that would be sent)"),
  },
  example: 'destinations preview dst_0193 --format slack --filter \'{"data.side": "credit"}\'',
  async run(context, { id, filter, template, format, event_id }) {
    const { output, openRelay } = context;
    const input = { filter, ...(await readFormatting(context, format, template)), event_id };
    const shown = await openRelay().post(`${destinationPath(id)}/preview`, input, previewAnswer);
    output.show(shown, asText);
    return shown.rendered.fault === null ? 0 : 1;
  },
});

function asText({ matched, filtered, events, rendered }: z.output<typeof previewAnswer>, output: Output): string {
  const reasons = Map.groupBy(
    events.filter(({ would_send }) => !would_send),
    ({ reason }) => reason ?? "",
  );
  const { event_id, type, sample, content_type, body, body_base64, fault } = rendered;
  return [
    `Of the newest ${matched + filtered} events ${matched} would be sent, ${filtered} would not.`,
    ...Array.from(reasons, ([reason, those]) => `  ${those.length} by ${printable(reason)}`),
    "",
    output.fields([
      [sample ? "sample" : "event", event_id],
      ["type", type],
      ["content type", content_type],
      ["fault", fault],
    ]),
    ...(fault === null ? ["", printableLines(body ?? body_base64 ?? "")] : []),
  ].join("\n");
}
