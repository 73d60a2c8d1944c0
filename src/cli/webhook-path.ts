import { plainPath } from "../platform/plain-path.ts";

/** Where the relay takes webhooks. */
export const WEBHOOK_PATH = "/webhooks/qonto";

/** The address of a relay's webhook without slashes that say nothing; any other address as it is. */
export function plainWebhookUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  const path = plainPath(url.pathname);
  if (path === url.pathname || !path.endsWith(WEBHOOK_PATH)) return text;
  url.pathname = path;
  return url.href;
}
