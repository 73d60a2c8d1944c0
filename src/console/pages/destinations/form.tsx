import { z } from "zod";
import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import { Button, Fault, Form, TextArea, TextField } from "../../ui/form.tsx";
import { scheduleInWords } from "../../ui/destination.tsx";
import { Notice } from "../../ui/layout.tsx";

const text = z.string().default("");
const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

/** The fields of the form, as typed: a refused form is shown again with them. */
export const destinationFields = z.object({
  url: text,
  description: text,
  scope: z.enum(["all", "some"]).default("some"),
  /** The ticked types. */
  types: texts,
  /** Other types, in one text. */
  other_types: text,
  organizations: text,
  retry_schedule_seconds: text,
  timeout_ms: text,
  max_per_second: text,
  enabled: z.literal("yes").optional(),
});

export type DestinationFields = z.output<typeof destinationFields>;

type TextName = Exclude<keyof DestinationFields, "scope" | "types" | "enabled">;

/** A sentence by the field that is wrong. */
export type FieldFaults = Readonly<Partial<Record<keyof DestinationFields, string>>>;

interface DestinationFormProps {
  readonly action: string;
  readonly fields: DestinationFields;
  readonly faults: FieldFaults;
  /** The id of a destination that does not exist yet. */
  readonly newId?: string;
}

/** Creates a destination, or edits one. */
export function DestinationForm({ action, fields, faults, newId }: DestinationFormProps) {
  const isNew = newId !== undefined;
  const isAdvancedWrong = (["retry_schedule_seconds", "timeout_ms", "max_per_second"] as const).some(
    (name) => faults[name] !== undefined,
  );
  const typed = (name: TextName) => ({ name, value: fields[name], fault: faults[name] });
  return (
    <Form action={action} class="stack">
      {Object.keys(faults).length === 0 ? null : <Notice kind="bad">Nothing was saved. Fix the marked fields.</Notice>}
      {isNew ? <input type="hidden" name="id" value={newId} /> : null}
      <TextField
        label="URL"
        help="Events are posted to it, signed. It must start with https://."
        inputmode="url"
        placeholder="https://accounting.example.com/qonto"
        {...typed("url")}
      />
      <TextField
        label="Description"
        help="The destination's name in the console."
        placeholder="Accounting"
        autocapitalize="sentences"
        spellcheck
        {...typed("description")}
      />
      <TypesField fields={fields} faults={faults} />
      <TextArea
        label="Organizations"
        help="One id a line. Empty: all events, also those without an organization."
        {...typed("organizations")}
      />
      <details open={isAdvancedWrong || (isNew && fields.enabled === undefined)}>
        <summary>Advanced: retries, timeout, rate limit</summary>
        <div class="stack">
          <TextField
            label="Retry schedule, in seconds"
            help={`Such as 5, 60, 3600; then the delivery is dead. Empty: ${scheduleInWords(null)}. The word none: a single attempt.`}
            inputmode="numeric"
            {...typed("retry_schedule_seconds")}
          />
          <TextField
            label="Timeout, in milliseconds"
            help="From 100 to 30000. Empty: 10000."
            inputmode="numeric"
            {...typed("timeout_ms")}
          />
          <TextField
            label="Rate limit, in attempts a second"
            help="From 0.01 to 1000. Empty: no limit."
            inputmode="decimal"
            {...typed("max_per_second")}
          />
          {isNew ? (
            <label class="choice">
              <input type="checkbox" name="enabled" value="yes" checked={fields.enabled === "yes"} /> Gets events from
              now on. Otherwise it starts paused.
            </label>
          ) : null}
        </div>
      </details>
      <p class="actions">
        <Button kind="main">{isNew ? "Add destination" : "Save"}</Button>
      </p>
    </Form>
  );
}

type FieldsProps = Pick<DestinationFormProps, "fields" | "faults">;

/** All types, or some: those of the catalogue as boxes to tick, others as text. */
function TypesField({ fields, faults }: FieldsProps) {
  return (
    <fieldset class="field-group" aria-describedby={faults.scope === undefined ? undefined : "scope-fault"}>
      <legend>Event types</legend>
      <label class="choice">
        <input type="radio" name="scope" value="all" checked={fields.scope === "all"} /> All, also those that Qonto will
        add
      </label>
      <label class="choice">
        <input type="radio" name="scope" value="some" checked={fields.scope === "some"} /> Only these
      </label>
      <Fault name="scope" fault={faults.scope} />
      <div class="indented stack">
        <TypeBoxes title="Business API" types={cataloguedTypes.business} ticked={fields.types} />
        <TypeBoxes title="Onboarding API" types={cataloguedTypes.onboarding} ticked={fields.types} />
        <TextField
          label="Others"
          name="other_types"
          help="Separated by commas. A trailing * stands for all types that start so, such as v1/sepa-*."
          value={fields.other_types}
          fault={faults.other_types}
        />
      </div>
    </fieldset>
  );
}

interface TypeBoxesProps {
  readonly title: string;
  readonly types: readonly string[];
  readonly ticked: readonly string[];
}

function TypeBoxes({ title, types, ticked }: TypeBoxesProps) {
  return (
    <fieldset class="choices grid">
      <legend>{title}</legend>
      {types.map((type) => (
        <label class="choice">
          <input type="checkbox" name="types" value={type} checked={ticked.includes(type)} /> {type}
        </label>
      ))}
    </fieldset>
  );
}
