import { logFailure } from "../../platform/log.ts";
import { type Timers, withTimeout } from "../../platform/timeout.ts";
import type { ConsoleContext } from "../requests.ts";

const IDENTITY_TIMEOUT_MS = 2_000;

/** Whether Cloudflare Access protects the console. The runtime says so, which no header can forge. */
export function isBehindAccess(c: ConsoleContext): boolean {
  return accessOf(c) !== undefined;
}

/** The e-mail address that Cloudflare Access let in, in lower case. Null for nobody, or when it is late. */
export async function findEmail(c: ConsoleContext, timers: Timers): Promise<string | null> {
  const access = accessOf(c);
  if (access === undefined) return null;
  const ask = async () => access.getIdentity();
  const asked = await withTimeout(ask(), IDENTITY_TIMEOUT_MS, timers);
  if (asked.state === "done") return readEmail(asked.value?.email);
  const error = asked.state === "failed" ? asked.error : `Cloudflare Access took over ${IDENTITY_TIMEOUT_MS} ms`;
  logFailure("console", error, { message: "access.verify_failed" });
  return null;
}

/** An entry of `CONSOLE_FULL_ACCESS_EMAILS` is an address, or a domain with its `@`. */
export function isNamed(email: string, entries: readonly string[]): boolean {
  return entries.includes(email) || entries.includes(email.slice(email.lastIndexOf("@")));
}

function accessOf(c: ConsoleContext): CloudflareAccessContext | undefined {
  return (c.executionCtx as ExecutionContext).access;
}

/** A service token has none. */
function readEmail(email: unknown): string | null {
  if (typeof email !== "string" || !/^[^\s@]+@[^\s@]+$/.test(email)) return null;
  // Of ASCII letters alone: the Kelvin sign would become a k, which is another address.
  return email.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
