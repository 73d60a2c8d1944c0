import type { MiddlewareHandler } from "hono";
import { ConfigError, type Env, readConfig } from "../env.ts";
import { refuse } from "./refusals.ts";

/** Lets in who bears the admin token. Without one configured nobody is let in. */
export const authenticate: MiddlewareHandler<{ Bindings: Env }> = async (c, next) => {
  const adminToken = configuredToken(c.env);
  const presented = /^Bearer +(.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (presented === undefined || !(await equalInConstantTime(presented.trim(), adminToken))) {
    throw refuse("unauthorized", {}, { "www-authenticate": "Bearer" });
  }
  await next();
};

function configuredToken(env: Env): string {
  try {
    const { adminToken } = readConfig(env);
    if (adminToken !== "") return adminToken;
  } catch (error) {
    if (error instanceof ConfigError)
      throw refuse("not_configured", { detail: "A variable cannot be read; see /health." });
    throw error;
  }
  throw refuse("not_configured");
}

/** Digests have one length, whatever was presented: the comparison tells neither content nor length. */
async function equalInConstantTime(one: string, other: string): Promise<boolean> {
  const [oneDigest, otherDigest] = await Promise.all([sha256(one), sha256(other)]);
  return crypto.subtle.timingSafeEqual(oneDigest, otherDigest);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
