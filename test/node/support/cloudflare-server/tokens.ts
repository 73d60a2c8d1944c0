import { failure } from "./answers.ts";
import { isReading } from "./sql.ts";

type Service = "workers_scripts" | "d1" | "queues" | "account_settings";
export type Permission = "none" | "read" | "edit";

/** A credential, and what it may do in which accounts. */
export interface Token {
  readonly accounts: readonly string[];
  /** Whether it may ask whose it is. */
  readonly user: Permission;
  readonly permissions: Readonly<Record<Service, Permission>>;
}

export const everything: Token["permissions"] = {
  workers_scripts: "edit",
  d1: "edit",
  queues: "edit",
  account_settings: "edit",
};

const rank = { none: 0, read: 1, edit: 2 };

export const mayAtLeast = (granted: Permission, needed: Permission) => rank[granted] >= rank[needed];

/** The token of a request, or the key that stands in its place. */
export function credentialOf(request: Request): string | null {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer ?? request.headers.get("x-auth-key");
}

/** What a request is refused with before anything that it names is looked at; null when it may go on. */
export async function refuse(request: Request, path: string, token: Token | undefined): Promise<Response | null> {
  if (token === undefined) {
    return path === "/user/tokens/verify"
      ? failure(401, 1000, "Invalid API Token")
      : failure(401, 9109, "Invalid access token");
  }
  if (path === "/user" || path === "/memberships") {
    return mayAtLeast(token.user, "read") ? null : failure(403, 9109, "Unauthorized to access requested resource");
  }
  const [, account, rest = ""] = /^\/accounts\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (account === undefined) return null;
  const isAllowed =
    token.accounts.includes(account) && mayAtLeast(token.permissions[serviceOf(rest)], await neededFor(request, rest));
  return isAllowed ? null : failure(403, 10000, "Authentication error");
}

function serviceOf(path: string): Service {
  if (path.startsWith("/workers")) return "workers_scripts";
  if (path.startsWith("/d1")) return "d1";
  return path.startsWith("/queues") ? "queues" : "account_settings";
}

async function neededFor(request: Request, path: string): Promise<Permission> {
  if (request.method === "GET") return "read";
  if (!/^\/d1\/database\/[^/]+\/query$/.test(path)) return "edit";
  const body: unknown = await request.clone().json();
  return body instanceof Object && "sql" in body && isReading(String(body.sql)) ? "read" : "edit";
}
