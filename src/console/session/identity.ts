import { logFailure } from "../../platform/log.ts";
import { type Timers, withTimeout } from "../../platform/timeout.ts";
import type { ConsoleContext } from "../requests.ts";

/** Cloudflare answers in a fraction of it; nobody waits longer for a page. */
const IDENTITY_TIMEOUT_MS = 2_000;

/** Whether Cloudflare Access stands before the console. The runtime says so: no header of a request can. */
export function isBehindAccess(c: ConsoleContext): boolean {
  return accessOf(c) !== undefined;
}

/** The e-mail address of whom Cloudflare Access let in, in lower case; null when it names nobody, or not in time. */
export async function findEmail(c: ConsoleContext, timers: Timers): Promise<string | null> {
  const access = accessOf(c);
  if (access === undefined) return null;
  const ask = async () => access.getIdentity();
  const asked = await withTimeout(ask(), IDENTITY_TIMEOUT_MS, timers);
  if (asked.state === "done") return readEmail(asked.value?.email);
  const error = asked.state === "failed" ? asked.error : `Cloudflare Access took over ${IDENTITY_TIMEOUT_MS} ms`;
  logFailure("access", error);
  return null;
}

/** Entries are as `CONSOLE_FULL_ACCESS_EMAILS` is read: an address, or a domain behind its `@`. */
export function isNamed(email: string, entries: readonly string[]): boolean {
  return entries.includes(email) || entries.includes(email.slice(email.lastIndexOf("@")));
}

function accessOf(c: ConsoleContext): CloudflareAccessContext | undefined {
  return (c.executionCtx as ExecutionContext).access;
}

/** Service tokens have none. */
function readEmail(email: unknown): string | null {
  if (typeof email !== "string" || !/^[^\s@]+@[^\s@]+$/.test(email)) return null;
  // Of ASCII letters alone: the Kelvin sign would become a k, and its bearer somebody else.
  return email.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
