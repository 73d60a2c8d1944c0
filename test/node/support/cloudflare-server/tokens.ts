import { failure } from "./context.ts";
import { isReading } from "./databases.ts";

type Service = "workers_scripts" | "d1" | "queues" | "account_settings";
export type Permission = "none" | "read" | "edit";

/** A credential and its permissions. */
export interface Token {
  readonly accounts: readonly string[];
  /** Whether it is a user's token, not an account's. */
  readonly hasUser: boolean;
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

/** The token of a request, or its key. */
export function credentialOf(request: Request): string | null {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer ?? request.headers.get("x-auth-key");
}

/** The refusal of a request that its token does not allow; null when it is allowed. */
export async function refuse(request: Request, path: string, token: Token | undefined): Promise<Response | null> {
  if (path === "/user/tokens/verify" && token?.hasUser !== true) return failure(401, 1000, "Invalid API Token");
  if (token === undefined) return failure(401, 9109, "Invalid access token");
  if (!token.hasUser && path === "/user") return failure(403, 9109, "Unauthorized to access requested resource");
  if (!token.hasUser && path === "/memberships") return failure(400, 9106, "Authentication failed");
  const [, account, rest = ""] = /^\/accounts\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (account === undefined) return null;
  const needed = await neededFor(request, rest);
  const isAllowed = token.accounts.includes(account) && mayAtLeast(token.permissions[serviceOf(rest)], needed);
  return isAllowed ? null : failure(403, 10000, "Authentication error");
}

function serviceOf(path: string): Service {
  if (path.startsWith("/workers")) return "workers_scripts";
  if (path.startsWith("/d1")) return "d1";
  return path.startsWith("/queues") ? "queues" : "account_settings";
}

async function neededFor(request: Request, path: string): Promise<Permission> {
  if (request.method === "GET") return path === "/tokens/verify" ? "none" : "read";
  if (!/^\/d1\/database\/[^/]+\/query$/.test(path)) return "edit";
  const body: unknown = await request.clone().json();
  return body instanceof Object && "sql" in body && isReading(String(body.sql)) ? "read" : "edit";
}
