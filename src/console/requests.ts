import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Env } from "../env.ts";
import { type Actor, invalidRequest } from "../api/requests.ts";

/** Who is logged in. */
export interface Viewer {
  /** The name of the token, or an e-mail address. */
  readonly name: string;
  readonly by: "ADMIN_TOKEN" | "token" | "Cloudflare Access";
  /** May send the forms that it is offered; else read access. */
  readonly mayChange: boolean;
  /** The destination that the viewer sees alone; null for one that sees everything. */
  readonly destinationId: string | null;
  /** Proves that a form is of this viewer. */
  readonly formToken: string;
}

/** What an operator is let in by: a token, of which null is ADMIN_TOKEN, or an identity of Cloudflare Access. */
export const credential = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), tokenId: z.string().nullable() }),
  z.object({ kind: z.literal("identity"), email: z.string() }),
]);

export type Credential = z.output<typeof credential>;

export interface ConsoleEnv {
  Bindings: Env;
  /** `caller`, `credential` and `viewer` are set behind the session. */
  Variables: { now: number; caller?: Actor; credential?: Credential; viewer?: Viewer };
}

export type Console = Hono<ConsoleEnv>;

export type ConsoleContext = Context<ConsoleEnv>;

/** Why a viewer may not change anything, and what to do. */
export function readOnlyReason(by: Viewer["by"]): string {
  return by === "Cloudflare Access"
    ? "CONSOLE_FULL_ACCESS_EMAILS does not name you: you may look and not change. Log in with a token to change something."
    : "This token may look and not change.";
}

export const ROOT = "/console";

/** Where the public page for receivers is. */
export const DOCS = "/docs";

/** The field of a form's token. */
export const FORM_TOKEN = "form_token";

/** Not a field or a filter of the page. */
const ofTheConsole = [FORM_TOKEN, "done"];

/** The fields of a form, parsed; an empty one is left out. Throws `invalid_request`. */
export async function readForm<Fields extends z.ZodType>(c: ConsoleContext, fields: Fields): Promise<z.output<Fields>> {
  return parse(await c.req.parseBody({ all: true }), fields);
}

/** The same of the page's query. */
export function readQuery<Fields extends z.ZodType>(c: ConsoleContext, fields: Fields): z.output<Fields> {
  return parse(c.req.query(), fields);
}

function parse<Fields extends z.ZodType>(values: object, fields: Fields): z.output<Fields> {
  const given = Object.entries(values).filter(([name, value]) => !ofTheConsole.includes(name) && value !== "");
  const result = fields.safeParse(Object.fromEntries(given));
  if (result.success) return result.data;
  throw invalidRequest(result.error.issues.map(({ path, message }) => ({ path: path.join("."), message })));
}
