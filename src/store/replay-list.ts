import type { Database } from "./database.ts";
import type { Replay } from "../domain/replay.ts";
import { replayRow } from "./replays.ts";

const SHOWN = 5;

export const replaysOfOneSql = `SELECT * FROM replays WHERE destination_id = ?1 ORDER BY created_at DESC, id LIMIT ${SHOWN}`;

/** A statement for the latest replays to a destination; its rows are for `readReplayRow`. */
export function replaysOf(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(replaysOfOneSql).bind(destinationId);
}

export function readReplayRow(row: unknown): Replay {
  return replayRow.parse(row);
}
