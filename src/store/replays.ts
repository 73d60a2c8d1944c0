import { z } from "zod";
import { type BatchResult, batchOf, writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import type { Replay } from "../domain/replay.ts";
import { makeDue } from "./replay-deliveries.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { recipientsWithRowsSql, statusSql } from "./event-progress.ts";
import { json, rowsOf } from "./rows.ts";
import { findFilter, readFilterRow } from "./destinations.ts";
import { matchesSql } from "./matches.ts";
import { rejectedByFilter } from "./rejected-events.ts";

export const insertReplaySql = `
  INSERT INTO replays (id, destination_id, which, since, until, reached_at, reached_id, created_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING`;

export async function insertReplay(db: Database, replay: Replay): Promise<void> {
  const { id, destinationId, which, since, until, reached, createdAt } = replay;
  const statement = db
    .prepare(insertReplaySql)
    .bind(id, destinationId, which, since, until, reached.receivedAt, reached.id, createdAt);
  await write(db, statement);
}

const columns = `id, destination_id AS destinationId, which, since, until, created_at AS createdAt, finished_at AS finishedAt,
  json_object('receivedAt', reached_at, 'id', reached_id) AS reached`;

const position = z.object({ receivedAt: z.number(), id: z.string() });

const replayRow = z.object({
  id: z.string(),
  destinationId: z.string(),
  which: z.enum(["failed", "missing", "all"]),
  since: z.number(),
  until: z.number(),
  reached: json(position),
  createdAt: z.number(),
  finishedAt: z.number().nullable(),
}) satisfies z.ZodType<Replay>;

export const findReplaySql = `SELECT ${columns} FROM replays WHERE id = ?1`;

export async function findReplay(db: Database, id: string): Promise<Replay | null> {
  return replayRow.nullable().parse(await db.prepare(findReplaySql).bind(id).first());
}

export const unfinishedReplaysSql = `
  SELECT ${columns} FROM replays WHERE finished_at IS NULL ORDER BY created_at, id LIMIT 100`;

export async function unfinishedReplays(db: Database): Promise<Replay[]> {
  return rowsOf(replayRow, await db.prepare(unfinishedReplaysSql).all());
}

const SHOWN = 5;

export const replaysOfOneSql = `
  SELECT ${columns} FROM replays WHERE destination_id = ?1 ORDER BY created_at DESC, id LIMIT ${SHOWN}`;

/** A statement for the latest replays to a destination; its rows are for `readReplayRow`. */
export function replaysOf(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(replaysOfOneSql).bind(destinationId);
}

export const readReplayRow = (row: unknown) => replayRow.parse(row);

/** Dead deliveries of ?1 to events that were received from ?2, after the event ?3, before ?4. */
const deadSql = `
  FROM deliveries WHERE destination_id = ?1 AND status = 'dead'
    AND received_at >= ?2 AND (received_at, event_id) > (?2, ?3) AND received_at < ?4`;

/** Of the first `size` those that match: deliveries that ended as `filtered` are not replayed with those that failed. */
const failedSql = (size: number) => `
  FROM (SELECT received_at, event_id ${deadSql} ORDER BY received_at, event_id LIMIT ${size}) AS looked_at
    CROSS JOIN events ON events.id = looked_at.event_id
    CROSS JOIN destinations ON destinations.id = ?1
  WHERE ${matchesSql("events")}`;

/** The last of the first `size`, if there are that many. */
const edgeOfFailedSql = (size: number) => `
  SELECT received_at AS receivedAt, event_id AS id ${deadSql} ORDER BY received_at, event_id LIMIT 1 OFFSET ${size - 1}`;

/** Events received from ?2, after the event ?3, before ?4; all from ?2 when retention has deleted ?3. */
const eventsSql = `
  FROM events WHERE seq >= coalesce((SELECT seq + 1 FROM events WHERE id = ?3), ${firstSeqAtSql("?2")})
    AND seq < ${firstSeqAtSql("?4")}`;

/** The last of the first `size`, if there are that many. */
const edgeOfEventsSql = (size: number) => `
  SELECT received_at AS receivedAt, id ${eventsSql} ORDER BY seq LIMIT 1 OFFSET ${size - 1}`;

/** Of the first `size` those that match ?1 and have it as no recipient; if ?5 is all, also those whose delivery is not pending. */
const matchingSql = (size: number) => `
  FROM (SELECT seq ${eventsSql} ORDER BY seq LIMIT ${size}) AS looked_at
    CROSS JOIN events ON events.seq = looked_at.seq
    CROSS JOIN destinations ON destinations.id = ?1
  WHERE events.recipients IS NOT NULL AND ${matchesSql("events")}
    AND NOT EXISTS (
      SELECT 1 FROM ${recipientsWithRowsSql} WHERE recipient.key = ?1 AND (?5 <> 'all' OR ${statusSql} = 'pending'))`;

/** Events that one statement looks at while it counts. */
const COUNTED_AT_ONCE = 10_000;

export const countFailedSql = `SELECT count(*) AS many ${failedSql(COUNTED_AT_ONCE)}`;
export const countMatchingSql = `SELECT count(*) AS many ${matchingSql(COUNTED_AT_ONCE)}`;
export const countedFailedEdgeSql = edgeOfFailedSql(COUNTED_AT_ONCE);
export const countedEdgeSql = edgeOfEventsSql(COUNTED_AT_ONCE);

/** Counts the deliveries that a replay has before it, in windows of a D1 call each. `isWhole`: all were counted. */
export async function countReplay(
  db: Database,
  replay: Replay,
  mostWindows = Number.POSITIVE_INFINITY,
): Promise<{ readonly many: number; readonly isWhole: boolean }> {
  const [countSql, edgeSql] =
    replay.which === "failed" ? [countFailedSql, countedFailedEdgeSql] : [countMatchingSql, countedEdgeSql];
  let many = 0;
  let reached: Replay["reached"] | null = replay.reached;
  for (let windows = 0; reached !== null && windows < mostWindows; windows += 1) {
    const window = windowOf({ ...replay, reached });
    const counted: Record<"count" | "edge", BatchResult> = await batchOf(db, {
      count: db.prepare(countSql).bind(...window),
      edge: db.prepare(edgeSql).bind(...window.slice(0, 4)),
    });
    many += countRow.parse(counted.count.rows[0]).many;
    reached = readEdge(counted.edge);
  }
  return { many, isWhole: reached === null };
}

const countRow = z.object({ many: z.number() });

/** Events that one statement looks at while it replays. */
const PAGE = 500;

export const failedPageSql = `
  SELECT looked_at.received_at AS receivedAt, looked_at.event_id AS id ${failedSql(PAGE)}`;
export const matchingPageSql = `SELECT events.received_at AS receivedAt, events.id ${matchingSql(PAGE)}`;
export const failedEdgeSql = edgeOfFailedSql(PAGE);
export const matchingEdgeSql = edgeOfEventsSql(PAGE);

/** A page of the events to replay. `edge` is the last event that it looked at; null: there are no more. */
export interface ReplayPage {
  readonly events: readonly Replay["reached"][];
  readonly edge: Replay["reached"] | null;
}

/** One D1 call; with a filter another, which loads the bodies. */
export async function nextReplayPage(db: Database, replay: Replay): Promise<ReplayPage> {
  const [pageSql, edgeSql] =
    replay.which === "failed" ? [failedPageSql, failedEdgeSql] : [matchingPageSql, matchingEdgeSql];
  const window = windowOf(replay);
  const found = await batchOf(db, {
    events: db.prepare(pageSql).bind(...window),
    edge: db.prepare(edgeSql).bind(...window.slice(0, 4)),
    filter: findFilter(db, replay.destinationId),
  });
  const events = found.events.rows.map((row) => position.parse(row));
  const filter = readFilterRow(found.filter.rows[0]).filter;
  const rejected = await rejectedByFilter(
    db,
    filter,
    events.map(({ id }) => id),
  );
  return { events: events.filter(({ id }) => !rejected.has(id)), edge: readEdge(found.edge) };
}

function readEdge({ rows }: BatchResult): Replay["reached"] | null {
  return rows.map((row) => position.parse(row))[0] ?? null;
}

function windowOf({ destinationId, which, reached, until }: Replay): unknown[] {
  const window = [destinationId, reached.receivedAt, reached.id, until];
  return which === "failed" ? window : [...window, which];
}

export const advanceSql = `
  UPDATE replays SET reached_at = ?2, reached_id = ?3, finished_at = ?4
  WHERE id = ?1 AND reached_at = ?5 AND reached_id = ?6 AND finished_at IS NULL`;

/** Makes a page's deliveries due at `now` and records the progress of the replay, in one transaction. */
export async function replayPage(
  db: Database,
  replay: Replay,
  { events, edge }: ReplayPage,
  now: number,
): Promise<Replay> {
  const { id, destinationId, which, reached } = replay;
  const keys = events.map((event) => ({ destinationId, receivedAt: event.receivedAt, eventId: event.id }));
  const to = edge ?? reached;
  const finishedAt = edge === null ? now : null;
  await writeAll(db, {
    ...makeDue(db, keys, now, {
      evenDelivered: which === "all",
      named: false,
      upToDate: [id, reached.receivedAt, reached.id],
    }),
    advanced: db.prepare(advanceSql).bind(id, to.receivedAt, to.id, finishedAt, reached.receivedAt, reached.id),
  });
  return { ...replay, reached: to, finishedAt };
}
