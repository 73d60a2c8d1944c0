import type { ServedWorker } from "../served-worker.ts";

/** Events in one statement: D1 limits a statement to 30 seconds. */
const PAGE = 20_000;

/** A thousand organizations with ten resources of a type each. */
const numbersSql = `
  WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)`;

/** Filled-in events have lower positions, the oldest the lowest. Events that the relay receives have higher ones. */
const FLOOR = 20_000_000;

const floorSql = `
  INSERT INTO events (seq, id, source, type, received_at, queued_at, recipients, body)
  VALUES (${FLOOR}, 'floor', 'business', 'v1/cards', ?1, ?1, '{}', '{}')`;

/** Before the relay receives anything. */
export async function prepareFilling({ db }: ServedWorker, newestAt: number): Promise<void> {
  await db.prepare(floorSql).bind(newestAt).run();
}

const eventsSql = `${numbersSql}
  INSERT INTO events (seq, id, source, type, event, organization_id, resource_id, created_at, received_at, queued_at,
    lease_until, claims, recipients, content_type, body)
  SELECT ${FLOOR} - 1 - n, printf('filled-%08d', n), 'business', iif(n % 2, 'v1/transactions', 'v1/cards'), 'updated',
    printf('organization-%04d', n % 1000), printf('resource-%d', n / 1000 % 10), '2026-01-01T00:00:00.000Z', ?3 - n * ?5,
    ?3 - n * ?5, ?3 - n * ?5, 1, json_object(?4, json_array(?3 - n * ?5, 200, 5, '')), 'application/json', '{"id":"filled","type":"v1/cards","data":{"amount":"12.00"}}'
  FROM numbers`;

const resourcesSql = `${numbersSql}
  INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, version_at, event_seq)
  SELECT printf('organization-%04d', n % 1000), iif(n % 2, 'v1/transactions', 'v1/cards'),
    printf('resource-%d', n / 1000 % 10), 'updated', 0, '2026-01-01', '2026-01-01T00:00:00.000Z',
    ${FLOOR} - 1 - n
  FROM numbers WHERE true ON CONFLICT DO NOTHING`;

/** Writes delivered events directly into D1: the numbers `from` to `until`, each older than the one before. */
export async function fill(
  { db }: ServedWorker,
  { from, until, newestAt, everyMs, destinationId }: Filling,
): Promise<void> {
  for (let first = from; first < until; first += PAGE) {
    const range = [first, Math.min(first + PAGE, until)] as const;
    await db.batch([
      db.prepare(eventsSql).bind(...range, newestAt, destinationId, everyMs),
      db.prepare(resourcesSql).bind(...range),
    ]);
  }
}

/** The cron's next scan begins above the filled-in events. */
export async function lookFromTheFirst({ db }: ServedWorker): Promise<void> {
  await db.prepare("DELETE FROM cron_state WHERE name = 'retention_from'").run();
}

interface Filling {
  readonly from: number;
  readonly until: number;
  /** Of the number 0, Unix milliseconds. */
  readonly newestAt: number;
  readonly everyMs: number;
  readonly destinationId: string;
}
