import { z } from "zod";
import { auditWindow } from "../../api/audit.ts";
import type { Action } from "../../api/actions/audited.ts";
import { cursorOf, encodeCursor } from "../../api/requests.ts";
import type { Destination } from "../../domain/destination.ts";
import { isObject, parseJsonLosslessly } from "../../platform/json.ts";
import { timeOfId } from "../../platform/sortable-id.ts";
import { type AuditRecord, listAudit } from "../../store/audit.ts";
import { findDestinations } from "../../store/destinations.ts";
import { addresses, deadLetterAddress, eventAddress, quarantinedAddress } from "../addresses.ts";
import { type Console, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { DestinationLink } from "../ui/destination.tsx";
import { MomentField, Select, TextField, moment } from "../ui/form.tsx";
import { type Column, EmptyState, ListPage, linkTo } from "../ui/table.tsx";
import { ShortId, State, Time, maskIbansIn } from "../ui/values.tsx";

const PER_PAGE = 50;

/** Another version of the relay may have recorded an action that is none of these. */
const actionNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "destination.created": "Added a destination",
    "destination.changed": "Changed a destination",
    "destination.deleted": "Deleted a destination",
    "destination.secret_rotated": "Rotated a destination's secret",
    "destination.tested": "Sent a destination a test event",
    "destination.replayed": "Replayed events to a destination",
    "event.replayed": "Replayed an event",
    "quarantine.released": "Released an event from quarantine",
    "quarantine.dropped": "Deleted an event from quarantine",
    "dead_letter.replayed": "Replayed a dead letter",
    "dead_letter.dropped": "Deleted a dead letter",
    "connection.created": "Connected an organization to Qonto",
    "connection.reconciled": "Asked for a reconciliation",
    "connection.removed": "Disconnected an organization from Qonto",
    "token.created": "Created a token",
    "token.revoked": "Revoked a token",
  } satisfies Record<Action, string>),
);

/** After other actions the subject has no page, or none any more. */
const pageOfSubject: ReadonlyMap<string, (id: string) => string> = new Map([
  ["event.replayed", eventAddress],
  ["quarantine.released", quarantinedAddress],
  ["dead_letter.replayed", deadLetterAddress],
]);

const query = z.object({
  token: z.string().optional(),
  action: z.enum([...actionNames.keys()], "Is no action of the audit trail").optional(),
  subject: z.string().trim().optional(),
  since: moment.optional(),
  until: moment.optional(),
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
});

/** Who did what, and when. */
export function addAudit(pages: Console): void {
  pages.get("/audit", async (c) => {
    const { cursor, ...filters } = readQuery(c, query);
    const { token, action, subject, since, until } = filters;
    const window = auditWindow({ since, until, cursor });
    const { records, next } = await listAudit(c.env.DB, { ...window, token, action, subject, limit: PER_PAGE });
    const subjects = records.map((record) => record.subject);
    const destinations = await findDestinations(c.env.DB, subjects);
    return showPage(
      c,
      <ListPage
        title="Audit trail"
        here={addresses.audit}
        lead="Changes by the console and the API, newest first. Secrets and tokens are never recorded."
        filters={
          <>
            <TextField label="Actor" name="token" value={token} placeholder="admin, or ada@example.com" />
            <Select label="Action" name="action" value={action} options={[["", "All actions"], ...actionNames]} />
            <TextField label="Subject" name="subject" value={subject} placeholder="Whole id" />
            <MomentField label="From" name="since" value={since} />
            <MomentField label="Before" name="until" value={until} />
          </>
        }
        caption="Changes, newest first"
        columns={columns}
        rows={records.map((one) => ({ ...one, destination: destinations.find(({ id }) => id === one.subject) }))}
        next={next === null ? null : encodeCursor({ id: next })}
        empty={<Nothing isFiltered={Object.keys(filters).length > 0} />}
      />,
    );
  });
}

interface Row extends AuditRecord {
  /** Undefined when the subject is none, or was deleted. */
  readonly destination: Destination | undefined;
}

const columns: readonly Column<Row>[] = [
  { title: "Action", cell: ({ action }) => <bdi title={action}>{actionNames.get(action) ?? action}</bdi> },
  { title: "Subject", cell: (record) => <Subject {...record} /> },
  {
    title: "Actor",
    cell: ({ token }) => (
      <span class="name">
        <a href={linkTo(addresses.audit, { token })}>
          <bdi>{token}</bdi>
        </a>
      </span>
    ),
  },
  { title: "Time", cell: ({ id }) => <Time at={timeOfId(id)} /> },
  { title: "Change", cell: (record) => <Change {...record} /> },
  { title: "Outcome", cell: ({ outcome }) => <Outcome outcome={outcome} /> },
];

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  return isFiltered ? (
    <EmptyState title="No record matches the filter">
      <a href={addresses.audit}>Show all records</a>
    </EmptyState>
  ) : (
    <EmptyState title="No changes yet">
      Every change is recorded here. Start with <a href={addresses.destinations}>a destination</a>.
    </EmptyState>
  );
}

function Subject({ action, subject, destination }: Row) {
  const address = pageOfSubject.get(action)?.(subject);
  const name = <ShortId id={subject} />;
  return (
    <span class="name">
      {destination !== undefined ? (
        <DestinationLink destination={destination} />
      ) : address === undefined ? (
        name
      ) : (
        <a href={address}>{name}</a>
      )}
    </span>
  );
}

const explanations = {
  begun: "Still running, or the relay died before the end: look at the subject.",
  failed: "The relay or D1 failed, perhaps half-way: look at the subject, then try again.",
} as const;

function Outcome({ outcome }: Pick<AuditRecord, "outcome">) {
  if (outcome === "done") return <State state="done" />;
  return (
    <span class="lines">
      <State state={outcome} />
      <span class="aside">{explanations[outcome]}</span>
    </span>
  );
}

/** Longer values are cut. */
const LONGEST_VALUE = 160;
/** More changed fields than this are folded. */
const FIELDS_SHOWN = 3;

/** The fields that changed, before and after. */
function Change({ before, after, outcome }: Pick<AuditRecord, "before" | "after" | "outcome">) {
  const [was, is] = [readFields(before), readFields(after)];
  const names = Object.keys({ ...was, ...is });
  const changed = names.filter(
    (name) => was === null || is === null || JSON.stringify(was[name]) !== JSON.stringify(is[name]),
  );
  if (names.length === 0) return <span class="soft">No details</span>;
  if (changed.length === 0) return <span class="soft">No change</span>;
  const fields = (
    <dl class="lines small">
      {changed.map((name) => (
        <div class="cluster">
          <dt class="soft">
            <bdi>{name}</bdi>
          </dt>
          <dd>
            {was === null ? null : <Was value={was[name]} isGone={outcome === "done"} />}
            {was === null || is === null ? null : <span aria-hidden="true"> → </span>}
            {is === null ? null : <Is value={is[name]} />}
          </dd>
        </div>
      ))}
    </dl>
  );
  if (changed.length <= FIELDS_SHOWN) return fields;
  return (
    <details>
      <summary>{changed.length} fields</summary>
      {fields}
    </details>
  );
}

/** Only a finished action is known to have replaced the value. */
function Was({ value, isGone }: { readonly value: unknown; readonly isGone: boolean }) {
  const text = <bdi>{textOf(value)}</bdi>;
  if (!isGone) return <>was {text}</>;
  return (
    <>
      <span class="unseen">was </span>
      <del>{text}</del>
    </>
  );
}

function Is({ value }: { readonly value: unknown }) {
  return (
    <>
      <span class="unseen"> is now </span>
      <ins>
        <bdi>{textOf(value)}</bdi>
      </ins>
    </>
  );
}

/** A value that is no object, or no JSON, is one field without a name. */
function readFields(json: string | null): Readonly<Record<string, unknown>> | null {
  if (json === null) return null;
  try {
    const value = parseJsonLosslessly(json);
    return isObject(value) ? value : { "": value };
  } catch {
    return { "": json };
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  const text = maskIbansIn(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
