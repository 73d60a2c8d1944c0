import { z } from "@hono/zod-openapi";
import { parseJsonLosslessly } from "../platform/json.ts";
import { firstIdAt, timeOfId } from "../platform/sortable-id.ts";
import { AUDIT_PREFIX, type AuditRecord, listAudit } from "../store/audit.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, encodeCursor, paging } from "./requests.ts";
import { page, show } from "./responses.ts";
import { auditRecord, exampleAuditRecord } from "./schemas/audit.ts";
import { instant } from "./schemas/common.ts";

const list = defineRoute("get", "/api/audit", {
  operationId: "listAudit",
  tag: "Audit",
  summary: "List who changed what, newest first",
  query: {
    subject: z.string().min(1).optional(),
    since: instant.optional(),
    until: instant.optional(),
    ...paging(z.object({ id: z.string() })),
  },
  answers: {
    200: page(
      auditRecord,
      "`since` is inclusive, `until` is exclusive. Records never hold secrets or tokens",
      exampleAuditRecord,
    ),
  },
});

export function addAudit(api: OperatorApi): void {
  api.openapi(list, async (c) => {
    const { subject, since, until, limit, cursor } = c.req.valid("query");
    const { records, next } = await listAudit(c.env.DB, { ...auditWindow({ since, until, cursor }), subject, limit });
    const data = records.map(showRecord);
    return c.json({ data, next_cursor: next && encodeCursor({ id: next }) }, 200);
  });
}

/** Sorts after the id of every record. */
const NO_END = `${AUDIT_PREFIX}_g`;

interface AuditBounds {
  /** Unix milliseconds, inclusive. */
  readonly since?: number | undefined;
  /** Exclusive. */
  readonly until?: number | undefined;
  /** Where the page before ended. */
  readonly cursor?: { readonly id: string } | undefined;
}

/** The range of ids that the records of a time have. */
export function auditWindow({ since, until, cursor }: AuditBounds): { readonly from: string; readonly to: string } {
  const end = until === undefined ? NO_END : firstIdAt(AUDIT_PREFIX, until);
  return {
    from: firstIdAt(AUDIT_PREFIX, since ?? 0),
    to: cursor !== undefined && cursor.id < end ? cursor.id : end,
  };
}

function showRecord(record: AuditRecord) {
  const { id, before, after } = record;
  return show(auditRecord, { ...record, at: timeOfId(id), before: parse(before), after: parse(after) });
}

function parse(text: string | null): unknown {
  return text === null ? null : parseJsonLosslessly(text);
}
