import { createRoute, z } from "@hono/zod-openapi";
import { AUDIT_PREFIX, type AuditRecord, listAudit } from "../store/audit.ts";
import { exampleDestination } from "./destination-schema.ts";
import { badInput, behindToken } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, instant, limit } from "./requests.ts";
import { isoTime, json, page, pageOf, security, time } from "./responses.ts";
import { firstIdAt, timeOfId } from "../platform/sortable-id.ts";

const record = z
  .object({
    id: z.string(),
    at: time,
    token: z.string().openapi({
      description:
        "Name of the token; `admin` is ADMIN_TOKEN, and an e-mail address is somebody whom Cloudflare Access let into the console.",
    }),
    action: z.string(),
    subject: z.string().openapi({ description: "Id of what was changed." }),
    outcome: z.enum(["begun", "done", "failed"]).openapi({ description: "`begun`: still, or it was cut short." }),
    before: z.unknown().openapi({ description: "What was changed, as it was; null: it was not there." }),
    after: z.unknown().openapi({ description: "The same as it is now; null: it is gone, or as it was." }),
  })
  .openapi("AuditRecord");

const route = createRoute({
  operationId: "listAudit",
  tags: ["Audit"],
  method: "get",
  path: "/api/audit",
  summary: "List who changed what, newest first",
  security,
  request: {
    query: z.strictObject({
      subject: z.string().min(1).optional(),
      since: instant.optional(),
      until: instant.optional(),
      limit,
      cursor: cursorOf(z.object({ id: z.string() })).optional(),
    }),
  },
  responses: {
    200: json(
      page(record),
      "`since` is inclusive, `until` is not. Secrets and tokens are never in it",
      pageOf<z.input<typeof record>>({
        id: "aud_019a935f7400a1b2c3d4e5f60718",
        at: "2026-11-24T10:00:00.000Z",
        token: "admin",
        action: "destination.changed",
        subject: exampleDestination.id,
        outcome: "done",
        before: { enabled: true },
        after: { enabled: false },
      }),
    ),
    ...badInput,
    ...behindToken,
  },
});

export function addAudit(api: OperatorApi): void {
  api.openapi(route, async (c) => {
    const { subject, since, until, limit, cursor } = c.req.valid("query");
    const { records, next } = await listAudit(c.env.DB, { ...auditWindow({ since, until, cursor }), subject, limit });
    return c.json({ data: records.map(show), next_cursor: next === null ? null : encodeCursor({ id: next }) }, 200);
  });
}

/** Sorts behind the id of any time that will come. */
const NO_END = `${AUDIT_PREFIX}_g`;

interface AuditBounds {
  /** Unix milliseconds, inclusive. */
  readonly since?: number | undefined;
  /** Exclusive. */
  readonly until?: number | undefined;
  /** Where the page before ended. */
  readonly cursor?: { readonly id: string } | undefined;
}

/** From which id to which one the records of a time are. */
export function auditWindow({ since, until, cursor }: AuditBounds): { readonly from: string; readonly to: string } {
  const end = until === undefined ? NO_END : firstIdAt(AUDIT_PREFIX, until);
  return {
    from: firstIdAt(AUDIT_PREFIX, since ?? 0),
    to: cursor !== undefined && cursor.id < end ? cursor.id : end,
  };
}

function show({ id, before, after, ...row }: AuditRecord): z.input<typeof record> {
  return { id, at: isoTime(timeOfId(id)), ...row, before: parse(before), after: parse(after) };
}

function parse(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
