import { z } from "@hono/zod-openapi";
import { type Problem, ProblemError, problemBody } from "../platform/problem.ts";

interface RefusalForm {
  /** For the document. */
  readonly when: string;
  readonly says: Omit<Problem, "code">;
}

/** What the operator's API refuses: how it answers, and how its document says so. */
const refusals = {
  invalid_request: {
    when: "Bad input; `errors` says where",
    says: {
      status: 400,
      title: "Invalid request",
      detail: "limit: must be a whole number",
      errors: [{ path: "limit", message: "must be a whole number" }],
    },
  },
  unauthorized: {
    when: "No token, or a wrong one",
    says: { status: 401, title: "Unauthorized", detail: "Send a token: `Authorization: Bearer …`." },
  },
  forbidden: {
    when: "A read-only token on what changes something",
    says: { status: 403, title: "Forbidden", detail: "This token may look and not change." },
  },
  not_found: {
    when: "Unknown id",
    says: { status: 404, title: "Not found", detail: "There is no such destination." },
  },
  too_early: {
    when: "Not fanned out yet, and not wanted by the destination that is named",
    says: {
      status: 409,
      title: "Too early",
      detail: "The event is on its way to the destinations that want it. Send it to another one in a moment.",
    },
  },
  not_replayable: {
    when: "A message that no queue takes",
    says: { status: 409, title: "Not replayable", detail: "No queue takes this message: nothing in it can be read." },
  },
  idempotency_in_progress: {
    when: "The first request with this Idempotency-Key is still being worked on; `Retry-After` says when to ask again",
    says: {
      status: 409,
      title: "In progress",
      detail: "The first request with this Idempotency-Key is still being worked on. Send it again later.",
    },
  },
  idempotency_key_reused: {
    when: "Another request came with this Idempotency-Key",
    says: {
      status: 422,
      title: "Idempotency key reused",
      detail: "Another request came with this Idempotency-Key within a day. Use a key of its own for each.",
    },
  },
  too_many_rotations: {
    when: "More secrets would be valid at once than can sign; `detail` says when the next rotation is possible",
    says: {
      status: 409,
      title: "Too many rotations",
      detail:
        "Five secrets sign already. The next rotation is possible at 2026-03-02T12:00:00.000Z, or now without an overlap, which ends the others at once.",
    },
  },
  too_many_requests: {
    when: "Too many wrong tokens from this address; `Retry-After` says how long to wait",
    says: {
      status: 429,
      title: "Too many requests",
      detail: "Too many wrong tokens came from this address. Wait a minute.",
    },
  },
  not_configured: {
    when: "ADMIN_TOKEN is missing or too short, or a variable cannot be read; the detail says which",
    says: { status: 503, title: "Not configured", detail: "ADMIN_TOKEN is not set." },
  },
  not_ready: {
    when: "The database lacks migrations; the detail says which, and what to do",
    says: {
      status: 503,
      title: "Not ready",
      detail: "The database lacks 0001_schema.sql. Run `npm run deploy`, which applies it.",
    },
  },
} satisfies Record<string, RefusalForm>;

export type RefusalCode = keyof typeof refusals;

/** The refusal to throw; what it says by itself can be said more exactly. */
export function refuse(
  code: RefusalCode,
  exact: Pick<Partial<Problem>, "detail" | "errors"> = {},
  headers: Readonly<Record<string, string>> = {},
): ProblemError {
  return new ProblemError({ code, ...refusals[code].says, ...exact }, headers);
}

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem");

/** As the document shows it. */
export function documented(code: RefusalCode) {
  const { when, says } = refusals[code];
  return {
    description: `${when}: code \`${code}\``,
    content: { "application/problem+json": { schema: problem, example: problemBody({ code, ...says }) } },
  };
}

/** What every operation behind the token can answer beside its success. */
export const behindToken = {
  401: documented("unauthorized"),
  403: documented("forbidden"),
  429: documented("too_many_requests"),
  503: {
    ...documented("not_configured"),
    description: `${documented("not_configured").description}. ${documented("not_ready").description}`,
  },
};

export const badInput = { 400: documented("invalid_request") };

export const unknownId = { 404: documented("not_found") };

/** Its reason names an operation's own. */
export const conflict = (code: "too_early" | "not_replayable" | "too_many_rotations") => ({ 409: documented(code) });
