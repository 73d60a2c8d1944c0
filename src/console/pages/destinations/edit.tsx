import { z } from "zod";
import {
  DEFAULT_TIMEOUT_MS,
  changeDestination,
  createDestination,
  existingDestination,
  newDestinationId,
  showDestination,
} from "../../../api/actions/destinations.ts";
import { type Preview, previewDestination } from "../../../api/actions/preview.ts";
import { destinationChange, destinationInput } from "../../../api/schemas/destination.ts";
import type { Counters } from "../../../domain/counters.ts";
import { tryParseLosslessly } from "../../../platform/http.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import { type DestinationReport, findDestination } from "../../../store/destinations.ts";
import { addresses, destinationActionAddress, destinationAddress, newDestinationAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, readForm, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../../domain/destination-name.ts";
import { scheduleInWords } from "../../ui/destination.tsx";
import { Button, Form, TextArea, TextField } from "../../ui/form.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { FormatFields, formatFields, formatInput } from "./format-fields.tsx";
import { HeadersField, headersInput, headersSentence } from "./headers-field.tsx";
import { PreviewSection } from "./preview.tsx";
import { SecretPage } from "./secret.tsx";
import { TypesField } from "./types-field.tsx";

const text = z.string().trim().default("");
const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

/** The fields of the form, as typed but for blanks around them: a refused form is shown again with them. */
const formFields = z.object({
  url: text,
  description: text,
  scope: z.enum(["all", "some"]).default("some"),
  /** The ticked types. */
  types: texts,
  /** Other types, in one text. */
  other_types: text,
  organizations: text,
  filter: text,
  retry_schedule_seconds: text,
  timeout_ms: text,
  max_per_second: text,
  ...formatFields,
  headers: text,
  enabled: z.literal("yes").optional(),
});

type FormFields = z.output<typeof formFields>;

/** The form names the new destination's id: one that is sent twice makes one destination. */
const newFields = formFields.extend({ id: z.string().regex(/^dst_[0-9a-f]{28}$/) });

const emptyFields: FormFields = { ...formFields.parse({}), scope: "all", enabled: "yes" };

/** A sentence by the field that is wrong. */
type FieldFaults = Readonly<Partial<Record<keyof FormFields, string>>>;

/** Creates destinations and edits them. */
export function addDestinationEditing(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/new", (c) => {
    readQuery(c, z.strictObject({}));
    return showNew(c, newDestinationId(world), emptyFields, {});
  });

  pages.post("/destinations/new", async (c) => {
    const { id, ...fields } = await readForm(c, newFields);
    const asked = { ...toInput(fields), enabled: fields.enabled === "yes" };
    const { input, faults } = check(destinationInput, asked, fields);
    if (input === null) return showNew(c, id, fields, faults);
    const existed = () => redirectDone(c, destinationAddress(id), "destination-created-before");
    if ((await findDestination(c.env.DB, id)) !== null) return existed();
    try {
      // An empty field leaves the rate to the format.
      const options = { ...input, max_per_second: input.max_per_second ?? undefined };
      const { destination, secret } = await createDestination(c, world, options, id);
      // Of two forms at once only the first has made a destination: the other's secret is not in use.
      const kept = await findDestination(c.env.DB, id);
      if (kept?.encryptedSecret !== destination.encryptedSecret) return existed();
      const why = "The destination was added.";
      return await showPage(c, <SecretPage destination={destination} secret={secret} why={why} />);
    } catch (error) {
      return showNew(c, id, fields, refusedFields(error));
    }
  });

  pages.get("/destinations/:id/edit", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    return showEdit(c, destination, fieldsOf(destination), {});
  });

  pages.post("/destinations/:id/edit", async (c) => {
    const { preview, ...fields } = await readForm(c, formFields.extend({ preview: z.literal("yes").optional() }));
    const destination = await existingDestination(c, c.req.param("id"));
    const { input, faults } = check(destinationChange, toInput(fields), fields);
    if (input === null) return showEdit(c, destination, fields, faults);
    const changed = withoutUnchanged(input, destination);
    const isChanged = Object.keys(changed).length > 0;
    try {
      if (preview === "yes") {
        const { format, template, filter, types, organizations } = input;
        const options = { format, template, filter, types, organizations };
        return await showEdit(c, destination, fields, {}, await previewDestination(c, world, destination.id, options));
      }
      if (isChanged) await changeDestination(c, { world, counters }, destination.id, changed);
    } catch (error) {
      return showEdit(c, destination, fields, refusedFields(error));
    }
    const done = isChanged ? "destination-changed" : "destination-unchanged";
    return redirectDone(c, destinationAddress(destination.id), done);
  });
}

function showNew(c: ConsoleContext, id: string, fields: FormFields, faults: FieldFaults) {
  return showPage(
    c,
    <Page title="Add destination" here={addresses.destinations} lead="Who gets which events?">
      <DestinationForm action={newDestinationAddress} fields={fields} faults={faults} newId={id} />
    </Page>,
    statusOf(faults),
  );
}

function showEdit(
  c: ConsoleContext,
  destination: DestinationReport,
  fields: FormFields,
  faults: FieldFaults,
  preview?: Preview,
) {
  return showPage(
    c,
    <Page title={`Edit ${destinationName(destination)}`} here={addresses.destinations}>
      {preview === undefined ? null : <PreviewSection preview={preview} />}
      <DestinationForm
        action={destinationActionAddress(destination.id, "edit")}
        fields={fields}
        faults={faults}
        headerNames={destination.headerNames}
      />
      <p>
        <a href={destinationAddress(destination.id)}>Back to the destination</a>
      </p>
    </Page>,
    statusOf(faults),
  );
}

function statusOf(faults: FieldFaults) {
  return Object.keys(faults).length === 0 ? 200 : 400;
}

interface DestinationFormProps {
  readonly action: string;
  readonly fields: FormFields;
  readonly faults: FieldFaults;
  /** The id of a destination that does not exist yet. */
  readonly newId?: string;
  /** Names of the headers that the destination has. */
  readonly headerNames?: readonly string[];
}

type TextName = Exclude<keyof FormFields, "scope" | "types" | "format" | "enabled">;

function DestinationForm({ action, fields, faults, newId, headerNames = [] }: DestinationFormProps) {
  const isNew = newId !== undefined;
  const isAdvancedWrong = [faults.retry_schedule_seconds, faults.timeout_ms, faults.max_per_second].some(
    (fault) => fault !== undefined,
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
      <TextArea
        label="Filter"
        help={`Conditions on the content, as JSON, such as {"data.side": "credit", "data.amount": {"$gte": 1000}}. Empty: none.`}
        {...typed("filter")}
      />
      <HeadersField value={fields.headers} fault={faults.headers} present={headerNames} />
      <FormatFields fields={fields} fault={faults.template} />
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
        {isNew ? null : (
          <Button name="preview" value="yes">
            Preview
          </Button>
        )}
      </p>
    </Form>
  );
}

/** What the fields take, in words for people; the API's schemas check them. */
const sentences: Readonly<Record<Exclude<keyof ReturnType<typeof toInput>, "filter">, string>> = {
  url: "Give the URL of the destination, of at most 2,048 characters.",
  description: "A description has at most 1,000 characters.",
  types:
    "A type has at most 255 characters, no spaces, and a * at its end or nowhere. A destination names at most 100 types.",
  organizations: "An organization's id has at most 255 characters. A destination names at most 1,000.",
  retry_schedule_seconds: "Give at most 50 whole numbers of seconds, each from 0 to 86400, such as 5, 60, 3600.",
  timeout_ms: "Give a whole number of milliseconds, from 100 to 30000.",
  max_per_second: "Give a number from 0.01 to 1000.",
  headers: headersSentence,
  format: "Choose a format.",
  template: "Give a template, of at most 16,384 characters.",
};

/** Checks what a form asks for by a schema of the API. Without a fault there is an input. */
function check<Schema extends z.ZodType>(
  schema: Schema,
  asked: object,
  fields: FormFields,
): { readonly input: z.output<Schema> | null; readonly faults: FieldFaults } {
  const { data, error } = schema.safeParse(asked);
  const wrong = error?.issues.map(({ path }) => path[0]) ?? [];
  if (fields.url === "") wrong.push("url");
  // For the API an empty list means all types; in a form it means that nothing was chosen.
  const isTypeMissing = fields.scope === "some" && typesOf(fields).length === 0;
  const faults: FieldFaults = {
    ...Object.fromEntries(Object.entries(sentences).filter(([name]) => wrong.includes(name))),
    ...(wrong.includes("filter") ? { filter: describeFilterFaults(error?.issues ?? []) } : {}),
    ...(isTypeMissing ? { scope: "Choose at least one type, or all types." } : {}),
  };
  return { input: wrong.length === 0 && !isTypeMissing ? (data ?? null) : null, faults };
}

/** The faults of a filter, each by the path that leads to it. */
function describeFilterFaults(issues: readonly z.core.$ZodIssue[]): string {
  const faults = issues.filter(({ path }) => path[0] === "filter");
  return faults.map(({ path, message }) => `${path.slice(1).join(".") || "The filter"} ${message}.`).join(" ");
}

/** A URL or a template that an action has refused. Throws any other error. */
function refusedFields(error: unknown): FieldFaults {
  const errors = error instanceof ProblemError ? error.problem.errors : undefined;
  const template = errors?.find(({ path }) => path === "template");
  if (template !== undefined) return { template: `The template ${template.message}.` };
  const message = errors?.find(({ path }) => path === "url")?.message;
  if (message === undefined) throw error;
  return {
    url:
      message === "must be a URL"
        ? "This is no URL, such as https://accounting.example.com/qonto."
        : `The URL ${message}.`,
  };
}

const catalogued: readonly string[] = [...cataloguedTypes.business, ...cataloguedTypes.onboarding];

const NO_RETRIES = "none";

/** An existing destination as the form shows it. */
function fieldsOf(destination: DestinationReport): FormFields {
  const { url, description, types, organizations, filter, retryScheduleSeconds, timeoutMs, maxPerSecond, enabled } =
    destination;
  return {
    url,
    description: description ?? "",
    scope: types.length === 0 ? "all" : "some",
    types: types.filter((type) => catalogued.includes(type)),
    other_types: types.filter((type) => !catalogued.includes(type)).join(", "),
    organizations: (organizations ?? []).join("\n"),
    filter: filter === null ? "" : JSON.stringify(filter.json, null, 2),
    retry_schedule_seconds: retryScheduleSeconds?.length === 0 ? NO_RETRIES : (retryScheduleSeconds ?? []).join(", "),
    timeout_ms: String(timeoutMs),
    max_per_second: maxPerSecond === null ? "" : String(maxPerSecond),
    headers: "",
    format: destination.format,
    template: destination.template ?? "",
    enabled: enabled ? "yes" : undefined,
  };
}

/** The fields as the API takes them. */
function toInput(fields: FormFields) {
  const organizations = partsOf(fields.organizations, /\s*\n\s*/);
  const schedule = partsOf(fields.retry_schedule_seconds, /[\s,;]+/);
  return {
    url: fields.url,
    description: fields.description === "" ? null : fields.description,
    types: fields.scope === "all" ? [] : typesOf(fields),
    organizations: organizations.length === 0 ? null : organizations,
    // Text that is no JSON stays text, for the schema to refuse.
    filter: fields.filter === "" ? null : (tryParseLosslessly(fields.filter) ?? fields.filter),
    retry_schedule_seconds: schedule.length === 0 ? null : schedule.join() === NO_RETRIES ? [] : schedule.map(toNumber),
    timeout_ms: fields.timeout_ms === "" ? DEFAULT_TIMEOUT_MS : toNumber(fields.timeout_ms),
    max_per_second: fields.max_per_second === "" ? null : toNumber(fields.max_per_second),
    ...headersInput(fields.headers),
    ...formatInput(fields),
  };
}

function typesOf({ types, other_types }: FormFields): string[] {
  return [...types, ...partsOf(other_types, /[\s,;]+/)];
}

function partsOf(typed: string, separator: RegExp): string[] {
  return typed.split(separator).filter((part) => part !== "");
}

/** Text that is no number stays text, for the schema to refuse. */
function toNumber(typed: string): number | string {
  const number = Number(typed);
  return Number.isNaN(number) ? typed : number;
}

/** The form sends every field; the audit trail records only those that change. */
function withoutUnchanged(
  input: z.output<typeof destinationChange>,
  destination: DestinationReport,
): z.output<typeof destinationChange> {
  const present = new Map<string, unknown>(Object.entries(showDestination(destination, destination.updatedAt)));
  return Object.fromEntries(
    Object.entries(input).filter(([name, value]) => comparable(value) !== comparable(present.get(name))),
  );
}

/** Names have no order; the steps of a retry schedule do. */
function comparable(value: unknown): string {
  const isNames = Array.isArray(value) && value.every((one) => typeof one === "string");
  return JSON.stringify(isNames ? value.toSorted() : value);
}
