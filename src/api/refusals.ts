import { type Problem, ProblemError, problemBody } from "../platform/problem.ts";
import { problem } from "./schemas/common.ts";

interface Refusal extends Omit<Problem, "code"> {
  /** For the document. */
  readonly when: string;
}

/** What the operator's API refuses: the answer, and its description in the document. */
const refusals = {
  invalid_request: {
    when: "Invalid input; `errors` says where",
    status: 400,
    title: "Invalid request",
    detail: "limit: must be a whole number",
    errors: [{ path: "limit", message: "must be a whole number" }],
  },
  unauthorized: {
    when: "No token, or a wrong one",
    status: 401,
    title: "Unauthorized",
    detail: "Send a token: `Authorization: Bearer …`.",
  },
  forbidden: {
    when: "A read-only token for an operation that changes something, or the token of a destination for anything else than its own",
    status: 403,
    title: "Forbidden",
    detail: "This token can only read.",
  },
  not_found: {
    when: "Unknown id",
    status: 404,
    title: "Not found",
    detail: "There is no such destination.",
  },
  body_timeout: {
    when: "The body was not complete in time",
    status: 408,
    title: "Body timeout",
    detail: "The body was not complete in time. Send it again.",
  },
  too_early: {
    when: "The event has not been dispatched yet, and the named destination does not want it",
    status: 409,
    title: "Too early",
    detail: "The event has not been dispatched to its recipients yet. Replay it to another destination in a moment.",
  },
  not_connected: {
    when: "The connection has expired or was revoked",
    status: 409,
    title: "Not connected",
    detail: "This connection has expired. Connect the organization again on the console's page Qonto.",
  },
  connection_busy: {
    when: "The relay is working on the connection; `Retry-After` says when to send the request again",
    status: 409,
    title: "Connection busy",
    detail: "The relay is working on this connection. Send the request again in a moment.",
  },
  not_replayable: {
    when: "The message cannot be read",
    status: 409,
    title: "Not replayable",
    detail: "This message cannot be read, so no queue takes it.",
  },
  too_many_rotations: {
    when: "More secrets would be valid at once than can sign; `detail` says when the next rotation is possible",
    status: 409,
    title: "Too many rotations",
    detail:
      "Five secrets sign already. The next rotation is possible at 2026-03-02T12:00:00.000Z, or now without an overlap, which ends the others at once.",
  },
  idempotency_in_progress: {
    when: "The first request with this Idempotency-Key is still in progress; `Retry-After` says when to send it again",
    status: 409,
    title: "In progress",
    detail: "The first request with this Idempotency-Key is still in progress. Send it again later.",
  },
  idempotency_key_reused: {
    when: "This Idempotency-Key belongs to a different request",
    status: 422,
    title: "Idempotency key reused",
    detail: "A different request used this Idempotency-Key within the last day. Use a new key for each request.",
  },
  too_many_requests: {
    when: "Too many wrong tokens from this address; `Retry-After` says how long to wait",
    status: 429,
    title: "Too many requests",
    detail: "Too many wrong tokens came from this address. Wait a minute.",
  },
  not_configured: {
    when: "ADMIN_TOKEN is missing or too short, or a variable cannot be read; the detail says which",
    status: 503,
    title: "Not configured",
    detail: "ADMIN_TOKEN is not set.",
  },
  qonto_unavailable: {
    when: "Qonto cannot be asked to delete the subscriptions; the connection stays",
    status: 503,
    title: "Qonto unavailable",
    detail: "Qonto cannot be asked to delete the subscriptions, so the connection stays. Send the request again later.",
  },
  not_ready: {
    when: "The database lacks migrations; the detail says which, and what to do",
    status: 503,
    title: "Not ready",
    detail: "The database lacks 0001_schema.sql. Run `npm run deploy`, which applies it.",
  },
} satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof refusals;

interface Particulars extends Pick<Partial<Problem>, "detail" | "errors"> {
  readonly headers?: Readonly<Record<string, string>>;
}

/** The refusal to throw; `detail` and `errors` replace the usual ones. */
export function refuse(code: RefusalCode, { headers, ...exact }: Particulars = {}): ProblemError {
  const { when: _, ...usual } = refusals[code];
  return new ProblemError({ code, ...usual, ...exact }, headers);
}

/** The document's responses for refusals. Those of one status share a response, which shows the first. */
export function describeRefusals(codes: readonly RefusalCode[]) {
  const byStatus = Map.groupBy(codes, (code) => refusals[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => {
      const [first] = same;
      const description = same.map((code) => `${refusals[code].when}: code \`${code}\``).join(". Or: ");
      const example = first && problemBody(refuse(first).problem);
      return [status, { description, content: { "application/problem+json": { schema: problem, example } } }];
    }),
  );
}
