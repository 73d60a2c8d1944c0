import type { PropsWithChildren } from "hono/jsx";
import { z } from "zod";
import { defaultRetryScheduleSeconds } from "../../../domain/retry-schedule.ts";
import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import { Button, Form } from "../../ui/form.tsx";
import { Notice } from "../../ui/layout.tsx";
import { durationInWords } from "../../ui/values.tsx";

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
  return (
    <Form action={action} class="stack">
      {Object.keys(faults).length === 0 ? null : <Notice kind="bad">Nothing was saved. Fix the marked fields.</Notice>}
      {isNew ? <input type="hidden" name="id" value={newId} /> : null}
      <Control
        name="url"
        label="URL"
        faults={faults}
        help="Events are posted to it, signed. It must start with https://."
      >
        <input
          {...tiedTo("url", faults)}
          type="text"
          inputmode="url"
          value={fields.url}
          placeholder="https://accounting.example.com/qonto"
          autocapitalize="off"
          spellcheck={false}
        />
      </Control>
      <Control name="description" label="Description" faults={faults} help="The destination's name in the console.">
        <input {...tiedTo("description", faults)} type="text" value={fields.description} placeholder="Accounting" />
      </Control>
      <TypesField fields={fields} faults={faults} />
      <Control
        name="organizations"
        label="Organizations"
        faults={faults}
        help="One id a line. Empty: all events, also those without an organization."
      >
        <textarea {...tiedTo("organizations", faults)} rows={2} spellcheck={false}>
          {fields.organizations}
        </textarea>
      </Control>
      <details open={isAdvancedWrong || (isNew && fields.enabled === undefined)}>
        <summary>Advanced: retries, timeout, rate limit</summary>
        <div class="stack">
          <Control
            name="retry_schedule_seconds"
            label="Retry schedule, in seconds"
            faults={faults}
            help={`Such as 5, 60, 3600; then the delivery is dead. Empty: ${scheduleInWords(null)}. The word none: a single attempt.`}
          >
            <input
              {...tiedTo("retry_schedule_seconds", faults)}
              type="text"
              inputmode="numeric"
              value={fields.retry_schedule_seconds}
            />
          </Control>
          <Control
            name="timeout_ms"
            label="Timeout, in milliseconds"
            faults={faults}
            help="From 100 to 30000. Empty: 10000."
          >
            <input {...tiedTo("timeout_ms", faults)} type="text" inputmode="numeric" value={fields.timeout_ms} />
          </Control>
          <Control
            name="max_per_second"
            label="Rate limit, in attempts a second"
            faults={faults}
            help="From 0.01 to 1000. Empty: no limit."
          >
            <input
              {...tiedTo("max_per_second", faults)}
              type="text"
              inputmode="decimal"
              value={fields.max_per_second}
            />
          </Control>
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

/** Null: the default schedule. */
export function scheduleInWords(seconds: readonly number[] | null): string {
  const waits = (seconds ?? defaultRetryScheduleSeconds).map((one) => durationInWords(one * 1000));
  return waits.join(", ") || "no retries";
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
      <Fault name="scope" faults={faults} />
      <div class="indented stack">
        <TypeBoxes title="Business API" types={cataloguedTypes.business} ticked={fields.types} />
        <TypeBoxes title="Onboarding API" types={cataloguedTypes.onboarding} ticked={fields.types} />
        <Control
          name="other_types"
          label="Others"
          faults={faults}
          help="Separated by commas. A trailing * stands for all types that start so, such as v1/sepa-*."
        >
          <input
            {...tiedTo("other_types", faults)}
            type="text"
            value={fields.other_types}
            autocapitalize="off"
            spellcheck={false}
          />
        </Control>
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

interface FaultProps {
  readonly name: keyof DestinationFields;
  readonly faults: FieldFaults;
}

interface ControlProps extends FaultProps {
  readonly label: string;
  readonly help: string;
}

/** An input with its label, its help and its fault. */
function Control({ name, label, help, faults, children }: PropsWithChildren<ControlProps>) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {children}
      <span class="help" id={`${name}-help`}>
        {help}
      </span>
      <Fault name={name} faults={faults} />
    </div>
  );
}

function Fault({ name, faults }: FaultProps) {
  const fault = faults[name];
  if (fault === undefined) return null;
  return (
    <span class="fault" id={`${name}-fault`}>
      {fault}
    </span>
  );
}

/** Ties an input to its help and its fault for screen readers. */
function tiedTo(name: keyof DestinationFields, faults: FieldFaults) {
  const isWrong = faults[name] !== undefined;
  return {
    id: name,
    name,
    "aria-describedby": isWrong ? `${name}-help ${name}-fault` : `${name}-help`,
    ...(isWrong ? { "aria-invalid": "true" as const } : {}),
  };
}
