import { env } from "cloudflare:workers";
import { interceptDatabase } from "../support/database.ts";
import type { TestRelay } from "../support/relay.ts";
import { Visitor } from "./visitor.ts";

/** What would run, fall out of its place or read the wrong way, were it not shown as text. */
export const HOSTILE = '<script>alert("1")</script> \u202Eevil 🦀';

interface Look {
  readonly status: number;
  readonly location: string | null;
  readonly html: string;
  /** The page without its tags, so that a sentence can be found in it. */
  readonly text: string;
}

/** A page as somebody sees it who is logged in. */
export async function lookAt(relay: TestRelay, path: string): Promise<Look> {
  const response = await (await Visitor.loggedIn(relay)).get(path);
  const html = await response.text();
  const text = html.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
  return { status: response.status, location: response.headers.get("location"), html, text };
}

/** Keeps many transactions of one organization, all of them as one old event brought them. */
export async function keepResources(organizationId: string, resources: number): Promise<void> {
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO events (seq, id, source, type, received_at, queued_at, recipients, body)
       VALUES (0, 'oldest', 'business', 'v1/transactions', 1, 1, '{}', '{}') ON CONFLICT DO NOTHING`,
    ),
    env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
       INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, event_seq)
       SELECT ?1, 'v1/transactions', printf('id-%06d', n), 'created', 0, '', 0 FROM numbers`,
    ).bind(organizationId, resources),
  ]);
}

interface Kept {
  readonly events: number;
  /** Of the first; each of the others comes a millisecond later. */
  readonly receivedAt: number;
}

/** Keeps many events of other organizations that were wanted by nobody. */
export async function keepEvents({ events, receivedAt }: Kept): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
     INSERT INTO events (id, source, type, organization_id, received_at, queued_at, recipients, body)
     SELECT printf('kept-%06d', n), 'business', 'v1/transactions', 'org-of-others', ?2 + n - 1, ?2, '{}', '{}' FROM numbers`,
  )
    .bind(events, receivedAt)
    .run();
}

/**
 * Keeps many events of the hours before now, half of them of the last, and three destinations that have them all; every hundredth
 * was dead at the first of these, whose id is returned.
 */
export async function keepBusyDay(relay: TestRelay, events: number): Promise<string> {
  const destinations: { readonly id: string }[] = [];
  for (const host of ["one", "two", "three"])
    destinations.push(await relay.addDestination(`https://${host}.example.com/hook`));
  const [first = { id: "" }] = destinations;
  const succeeded = (destination: { readonly id: string }) => [destination.id, [relay.now, 200, 5, ""]];
  const recipients = JSON.stringify(Object.fromEntries(destinations.map(succeeded)));
  const at = "?2 - (?1 - n) * iif(n > ?1 / 2, 7200000, 100000000) / ?1";
  const numbers = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)";
  await env.DB.batch([
    env.DB.prepare(
      `${numbers}
       INSERT INTO events (id, source, type, organization_id, resource_id, received_at, queued_at, recipients, body)
       SELECT printf('kept-%05d', n), 'business', 'v1/transactions', 'org-' || n % 40, 'r' || n, CAST(${at} AS INTEGER), ?2,
         iif(n % 100 = 0, json_set(?3, '$.' || ?4, NULL), ?3), '{}' FROM numbers`,
    ).bind(events, relay.now, recipients, first.id),
    env.DB.prepare(
      `${numbers}
       INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
       SELECT ?3, CAST(${at} AS INTEGER), printf('kept-%05d', n), 'dead', '[]' FROM numbers WHERE n % 100 = 0`,
    ).bind(events, relay.now, first.id),
    env.DB.prepare(
      `INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, event_seq)
       SELECT organization_id, type, resource_id, 'created', 0, '', seq FROM events`,
    ),
    env.DB.prepare("UPDATE destinations SET created_at = 1"),
  ]);
  return first.id;
}

/** Rows that D1 reads, and charges for, to show a page. */
export async function rowsReadFor(relay: TestRelay, path: string): Promise<number> {
  let rows = 0;
  const visitor = await Visitor.loggedIn(relay);
  relay.env = {
    ...relay.env,
    DB: interceptDatabase(env.DB, async (_call, proceed) => {
      const results = await proceed();
      rows += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
      return results;
    }),
  };
  const response = await visitor.get(path);
  if (response.status !== 200) throw new Error(`${path} answers ${response.status}`);
  return rows;
}
