import { z } from "zod";
import { type Format, formats } from "../../../domain/format.ts";
import { Select, TextArea } from "../../ui/form.tsx";

/** A browser sends line breaks of its own. */
const template = z
  .string()
  .transform((text) => text.replaceAll("\r\n", "\n").trim())
  .default("");

/** The fields of the form for a destination's format. */
export const formatFields = { format: z.enum(formats).default("qonto"), template };

interface Fields {
  readonly format: Format;
  readonly template: string;
}

export const formatNames: Readonly<Record<Format, string>> = {
  qonto: "As Qonto sent them, byte for byte",
  cloudevents: "CloudEvents 1.0",
  slack: "Slack message",
  teams: "Teams message",
  template: "Template",
};

/** The format and its template as the API takes them: the template counts for its own format alone. */
export function formatInput({ format, template }: Fields) {
  return { format, template: format === "template" ? template : null };
}

interface FormatFieldsProps {
  readonly fields: Fields;
  /** What is wrong with the template. */
  readonly fault: string | undefined;
}

export function FormatFields({ fields, fault }: FormatFieldsProps) {
  return (
    <>
      <Select
        label="Format"
        name="format"
        help="Messages say what happened in one sentence and link to the event here. Slack takes one a second, Teams four: that becomes the rate limit unless there is one."
        value={fields.format}
        options={formats.map((format) => [format, formatNames[format]])}
      />
      <details open={fields.format === "template" || fault !== undefined}>
        <summary>Template</summary>
        <TextArea
          label="Template (Mustache)"
          name="template"
          help="It must give JSON. {{data.label}} is a text for use inside quotes, {{{data.amount}}} a value as JSON, {{relay.summary}} the event in one sentence, {{relay.url}} its page here."
          value={fields.template}
          fault={fault}
        />
      </details>
    </>
  );
}
