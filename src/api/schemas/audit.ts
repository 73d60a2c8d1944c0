import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";
import { exampleDestination } from "./destination.ts";

export const auditRecord = z
  .object({
    id: z.string(),
    at: time,
    token: z
      .string()
      .describe(
        "Name of the token. `admin` is ADMIN_TOKEN; an e-mail address is a person whom Cloudflare Access let into the console.",
      ),
    action: z.string(),
    subject: z.string().describe("Id of what was changed."),
    outcome: z.enum(["begun", "done", "failed"]).describe("`begun`: the action is still running, or was cut short."),
    before: z.unknown().describe("What was changed, as it was. Null: it did not exist."),
    after: z.unknown().describe("What it was changed to. Null: it was removed, or did not change."),
  })
  .openapi("AuditRecord");

export const exampleAuditRecord = {
  id: "aud_019a935f7400a1b2c3d4e5f60718",
  at: "2026-11-24T10:00:00.000Z",
  token: "admin",
  action: "destination.changed",
  subject: exampleDestination.id,
  outcome: "done",
  before: { enabled: true },
  after: { enabled: false },
} satisfies z.input<typeof auditRecord>;
