import { z } from "zod";
import {
  DEFAULT_TIMEOUT_MS,
  changeDestination,
  showDestination,
  createDestination,
  existingDestination,
  newDestinationId,
} from "../../../api/actions/destinations.ts";
import { destinationChange, destinationInput } from "../../../api/schemas/destination.ts";
import type { Counters } from "../../../domain/counters.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import { type DestinationReport, findDestination } from "../../../store/destinations.ts";
import { addresses, destinationActionAddress, destinationAddress, newDestinationAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, readForm, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { Page } from "../../ui/layout.tsx";
import { type DestinationFields, DestinationForm, type FieldFaults, destinationFields } from "./form.tsx";
import { SecretPage } from "./secret.tsx";

/** The form names the new destination's id: one that is sent twice makes one destination. */
const newFields = destinationFields.extend({ id: z.string().regex(/^dst_[0-9a-f]{28}$/) });

const emptyFields: DestinationFields = { ...destinationFields.parse({}), scope: "all", enabled: "yes" };

/** Creates destinations and edits them. */
export function addDestinationEditing(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/new", (c) => {
    readQuery(c, z.strictObject({}));
    return showNew(c, newDestinationId(world), emptyFields, {});
  });

  pages.post("/destinations/new", async (c) => {
    const { id, ...fields } = await readForm(c, newFields);
    const { input, faults } = check(
      destinationInput,
      { ...toInput(fields), enabled: fields.enabled === "yes" },
      fields,
    );
    if (input === null) return showNew(c, id, fields, faults);
    const existed = () => redirectDone(c, destinationAddress(id), "destination-created-before");
    if ((await findDestination(c.env.DB, id)) !== null) return existed();
    try {
      const { destination, secret } = await createDestination(c, world, input, id);
      // Of two forms at once only the first has made a destination: the other's secret is not in use.
      const kept = await findDestination(c.env.DB, id);
      if (kept?.encryptedSecret !== destination.encryptedSecret) return existed();
      const why = "The destination was added.";
      return await showPage(c, <SecretPage destination={destination} secret={secret} why={why} />);
    } catch (error) {
      return showNew(c, id, fields, faultsOf(error));
    }
  });

  pages.get("/destinations/:id/edit", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    return showEdit(c, destination, fieldsOf(destination), {});
  });

  pages.post("/destinations/:id/edit", async (c) => {
    const fields = await readForm(c, destinationFields);
    const destination = await existingDestination(c, c.req.param("id"));
    const { input, faults } = check(destinationChange, toInput(fields), fields);
    if (input === null) return showEdit(c, destination, fields, faults);
    const changed = withoutUnchanged(input, destination);
    const isChanged = Object.keys(changed).length > 0;
    try {
      if (isChanged) await changeDestination(c, { world, counters }, destination.id, changed);
    } catch (error) {
      return showEdit(c, destination, fields, faultsOf(error));
    }
    const done = isChanged ? "destination-changed" : "destination-unchanged";
    return redirectDone(c, destinationAddress(destination.id), done);
  });
}

function showNew(c: ConsoleContext, id: string, fields: DestinationFields, faults: FieldFaults) {
  return showPage(
    c,
    <Page title="Add destination" here={addresses.destinations} lead="Who gets which events?">
      <DestinationForm action={newDestinationAddress} fields={fields} faults={faults} newId={id} />
    </Page>,
    statusOf(faults),
  );
}

function showEdit(c: ConsoleContext, destination: DestinationReport, fields: DestinationFields, faults: FieldFaults) {
  const action = destinationActionAddress(destination.id, "edit");
  return showPage(
    c,
    <Page title={`Edit ${destinationName(destination)}`} here={addresses.destinations}>
      <DestinationForm action={action} fields={fields} faults={faults} />
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

/** What the fields take, in words for people; the API's schemas check them. */
const sentences: Readonly<Partial<Record<string, string>>> = {
  url: "Give the URL of the destination, of at most 2,048 characters.",
  description: "A description has at most 1,000 characters.",
  types:
    "A type has at most 255 characters, no spaces, and a * at its end or nowhere. A destination names at most 100 types.",
  organizations: "An organization's id has at most 255 characters. A destination names at most 1,000.",
  retry_schedule_seconds: "Give at most 50 whole numbers of seconds, each from 0 to 86400, such as 5, 60, 3600.",
  timeout_ms: "Give a whole number of milliseconds, from 100 to 30000.",
  max_per_second: "Give a number from 0.01 to 1000.",
};

type Checked<Input> =
  | { readonly input: Input; readonly faults: Record<string, never> }
  | { readonly input: null; readonly faults: FieldFaults };

function check<Schema extends z.ZodType>(
  schema: Schema,
  input: object,
  fields: DestinationFields,
): Checked<z.output<Schema>> {
  const result = schema.safeParse(input);
  const paths = result.success ? [] : result.error.issues.map(({ path }) => String(path[0]));
  // For the API an empty list means all types; in a form it means that nothing was chosen.
  const isTypeMissing = fields.scope === "some" && fields.types.length === 0 && fields.other_types.trim() === "";
  const faults = {
    ...Object.fromEntries(paths.map((path) => [fieldOf(path), sentences[path] ?? "This is not possible."])),
    ...(fields.url.trim() === "" ? { url: sentences["url"] } : {}),
    ...(isTypeMissing ? { scope: "Choose at least one type, or all types." } : {}),
  };
  if (result.success && Object.keys(faults).length === 0) return { input: result.data, faults: {} };
  return { input: null, faults };
}

/** The ticked types are in the catalogue, so a wrong type was typed. */
function fieldOf(path: string): string {
  return path === "types" ? "other_types" : path;
}

/** The fields that an action has refused. Throws an error that is not about fields. */
function faultsOf(error: unknown): FieldFaults {
  if (!(error instanceof ProblemError) || error.problem.errors === undefined) throw error;
  return Object.fromEntries(
    error.problem.errors.map(({ path, message }) => [
      fieldOf(path),
      path === "url" ? sayUrlFault(message) : (sentences[path] ?? message),
    ]),
  );
}

function sayUrlFault(message: string): string {
  return message === "must be a URL"
    ? "This is no URL, such as https://accounting.example.com/qonto."
    : `The URL ${message}.`;
}

const catalogued: readonly string[] = [...cataloguedTypes.business, ...cataloguedTypes.onboarding];

/** An existing destination as the form shows it. */
function fieldsOf(destination: DestinationReport): DestinationFields {
  const { url, description, types, organizations, retryScheduleSeconds, timeoutMs, maxPerSecond, enabled } =
    destination;
  return {
    url,
    description: description ?? "",
    scope: types.length === 0 ? "all" : "some",
    types: types.filter((type) => catalogued.includes(type)),
    other_types: types.filter((type) => !catalogued.includes(type)).join(", "),
    organizations: (organizations ?? []).join("\n"),
    retry_schedule_seconds: retryScheduleSeconds?.length === 0 ? NO_RETRIES : (retryScheduleSeconds ?? []).join(", "),
    timeout_ms: String(timeoutMs),
    max_per_second: maxPerSecond === null ? "" : String(maxPerSecond),
    enabled: enabled ? "yes" : undefined,
  };
}

/** The fields as the API takes them. */
function toInput(fields: DestinationFields) {
  const organizations = linesOf(fields.organizations);
  return {
    url: fields.url.trim(),
    description: fields.description.trim() === "" ? null : fields.description.trim(),
    types: fields.scope === "all" ? [] : [...fields.types, ...wordsOf(fields.other_types)],
    organizations: organizations.length === 0 ? null : organizations,
    retry_schedule_seconds: toSchedule(wordsOf(fields.retry_schedule_seconds)),
    timeout_ms: fields.timeout_ms.trim() === "" ? DEFAULT_TIMEOUT_MS : toNumber(fields.timeout_ms),
    max_per_second: fields.max_per_second.trim() === "" ? null : toNumber(fields.max_per_second),
  };
}

const NO_RETRIES = "none";

function toSchedule(words: readonly string[]): (number | string)[] | null {
  if (words.length === 0) return null;
  return words.length === 1 && words[0] === NO_RETRIES ? [] : words.map(toNumber);
}

function linesOf(typed: string): string[] {
  return typed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function wordsOf(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter((word) => word !== "");
}

/** Text that is no number stays text, for the schema to refuse. */
function toNumber(typed: string): number | string {
  const number = Number(typed.trim());
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
