import { type PlannedEvent, lifecycles } from "./events.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** The latest state that a set of events comes to, in whatever order they arrive, worked out by the contract's words alone. */
export function expectedState(events: readonly PlannedEvent[]): string {
  const readable = events.filter(({ isReadable, type }) => isReadable && !type.startsWith("relay."));
  return toText(
    latestResources(readable.filter(({ source }) => source === "business")),
    readable.filter(({ source }) => source === "onboarding").map(toStage),
  );
}

/** The same as D1 has it. */
export function recordedState(db: SqliteDatabase): string {
  return toText(
    db
      .query(
        `SELECT resources.organization_id, resources.type, resources.resource_id, resources.event, deleted, version_at,
           events.id AS event_id, body FROM resources JOIN events ON events.seq = event_seq`,
      )
      .map(({ body, ...row }) => ({ ...row, data: dataIn(String(body)) })),
    db.query("SELECT registration_id, stage, at, event_id, is_registration FROM registration_stages"),
  );
}

function toText(resources: readonly object[], stages: readonly object[]): string {
  return [...resources, ...stages]
    .map((row) => JSON.stringify(row))
    .toSorted()
    .join("\n");
}

/** Of a resource of another type. */
const changes = ["created", "updated", "deleted"];

/** An event replaces the state if it is newer: version instant, `created_at`, lifecycle rank, id. */
function latestResources(events: readonly PlannedEvent[]): object[] {
  const newest = new Map<string, { readonly version: string; readonly row: object }>();
  for (const { id, type, body } of events) {
    const { organization_id, created_at, data } = JSON.parse(body);
    const rank = (lifecycles[type] ?? changes).indexOf(data.event);
    const version_at = data.updated_at ?? data.revoked_at ?? created_at;
    const resource_id = data.client_id ?? data.id;
    const version = [version_at, created_at, rank + 1, id].join(" ");
    const key = [organization_id, type, resource_id].join(" ");
    if (version <= (newest.get(key)?.version ?? "")) continue;
    newest.set(key, {
      version,
      row: {
        organization_id,
        type,
        resource_id,
        event: data.event ?? null,
        deleted: data.event === "deleted" ? 1 : 0,
        version_at,
        event_id: id,
        data: dataIn(body),
      },
    });
  }
  return [...newest.values()].map(({ row }) => row);
}

function dataIn(body: string): string {
  return body.slice(body.indexOf('"data":') + '"data":'.length, -1);
}

function toStage({ id, type, body }: PlannedEvent): object {
  const { resource_id, created_at } = JSON.parse(body);
  return {
    registration_id: resource_id,
    stage: type.slice("registrations.".length),
    at: created_at,
    event_id: id,
    is_registration: 1,
  };
}
