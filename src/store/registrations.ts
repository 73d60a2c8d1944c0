import { z } from "zod";
import type { Database } from "./database.ts";
import { withFoundSql } from "./each-key.ts";
import { flag, rowsOf } from "./rows.ts";

const columns = `registration_stages.registration_id AS registrationId, stage, at, event_id AS eventId,
  is_registration AS isRegistration`;

const stageRow = z.object({
  registrationId: z.string(),
  stage: z.string(),
  at: z.string().nullable(),
  eventId: z.string(),
  /** Whether the event was a registration's own. An id without one of these is no registration's. */
  isRegistration: flag,
});

/** A stage that a registration went through. */
export type StageRow = z.output<typeof stageRow>;

export const insertStageSql = `
  INSERT INTO registration_stages (registration_id, version, stage, at, event_id, is_registration)
  SELECT ?1, ?2, ?3, ?4, id, ?5 FROM events WHERE id = ?6 AND (?7 IS NULL OR ?7 = body)
  ON CONFLICT DO NOTHING`;

/** A stage that may be new. */
export interface NewStage extends StageRow {
  readonly version: string;
  /** The body that it was read from; null: the one in D1. */
  readonly body: string | null;
}

/** A statement that keeps a stage, once, if its event is recorded with that body. Rows written: 1, or 0 when it is known. */
export function insertStage(db: Database, stage: NewStage): D1PreparedStatement {
  const { registrationId, version, at, isRegistration, eventId, body } = stage;
  return db
    .prepare(insertStageSql)
    .bind(registrationId, version, stage.stage, at, isRegistration ? 1 : 0, eventId, body);
}

export const stagesSql = `
  SELECT ${columns} FROM registration_stages
  WHERE registration_id IN (SELECT value FROM json_each(?1))
  ORDER BY registration_id, version`;

/** All stages of some registrations, each one's oldest first. */
export async function stagesOf(db: Database, registrationIds: readonly string[]): Promise<StageRow[]> {
  return rowsOf(stageRow, await db.prepare(stagesSql).bind(JSON.stringify(registrationIds)).all());
}

export const registrationIdsSql = `
  ${withFoundSql("registration_id", "registration_stages", { after: "?1", most: "?2" })}
  SELECT id FROM found WHERE id IS NOT NULL`;

/** In their order; `after` is the last one already shown. */
export async function listRegistrationIds(db: Database, after: string, limit: number): Promise<string[]> {
  const { results } = await db.prepare(registrationIdsSql).bind(after, limit).all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Events of one registration that a page shows: a registration has ten stages, and few are reset. */
export const MOST_STAGES = 100;

export const latestStagesSql = `
  SELECT ${columns}
  FROM json_each(?1) AS wanted CROSS JOIN registration_stages
    ON registration_stages.registration_id = wanted.value
    AND registration_stages.version >= coalesce((
      SELECT version FROM registration_stages AS latest
      WHERE latest.registration_id = wanted.value ORDER BY version DESC LIMIT 1 OFFSET ${MOST_STAGES - 1}), '')
  ORDER BY registration_stages.registration_id, version`;

/** The latest stages of some registrations, each one's oldest first. */
export async function latestStagesOf(db: Database, registrationIds: readonly string[]): Promise<StageRow[]> {
  return rowsOf(stageRow, await db.prepare(latestStagesSql).bind(JSON.stringify(registrationIds)).all());
}
