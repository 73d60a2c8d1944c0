import { wrongUsage } from "./fault.ts";
import { type Settings, refuseUnsendable } from "./settings.ts";

/** What a program shows to Cloudflare Access; empty without a service token. */
export type AccessHeaders = Readonly<Record<string, string>>;

const ID = "CF_ACCESS_CLIENT_ID";
const SECRET = "CF_ACCESS_CLIENT_SECRET";

/** The service token of the environment, for the relay's API and its /health. Webhooks must work without. */
export function readAccessHeaders(settings: Settings): AccessHeaders {
  const [id, secret] = [settings.credential(ID), settings.credential(SECRET)];
  if (id === undefined && secret === undefined) return {};
  if (id === undefined || secret === undefined) {
    const [set, missing] = id === undefined ? [SECRET, ID] : [ID, SECRET];
    throw wrongUsage(`${set} is set and ${missing} is not.`, "A service token of Cloudflare Access has both.");
  }
  refuseUnsendable(id, ID, "service token");
  refuseUnsendable(secret, SECRET, "service token");
  return { "cf-access-client-id": id, "cf-access-client-secret": secret };
}

/** What to do where it protects a path that a command needs. */
export function accessRemedy(path: string): string {
  return `Set ${ID} and ${SECRET} to a service token that its policy admits, or let ${path} through.`;
}

/** Whether an answer without a word of the relay's is that of Cloudflare Access: its login, or its refusal. */
export function isFromAccess({ status, headers }: Pick<Response, "status" | "headers">, url: string): boolean {
  if (status >= 300 && status < 400) return leadsToLogin(headers.get("location"), url);
  if (status !== 401 && status !== 403) return false;
  return (
    headers.has("cf-access-aud") ||
    headers.has("cf-access-domain") ||
    /\bCloudflare-Access\b/i.test(headers.get("www-authenticate") ?? "")
  );
}

function leadsToLogin(location: string | null, url: string): boolean {
  const target = location === null ? null : URL.parse(location, url);
  if (target === null) return false;
  const isOwnHost = target.host === new URL(url).host;
  return (
    target.hostname.endsWith(".cloudflareaccess.com") ||
    (isOwnHost && /^\/cdn-cgi\/access\/login(\/|$)/.test(target.pathname))
  );
}
