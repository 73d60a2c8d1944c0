import { plainPath } from "../platform/plain-path.ts";
import { wrongUsage } from "./fault.ts";
import { readText, required } from "./options.ts";
import type { Output } from "./output.ts";
import { isOnThisMachine } from "./settings.ts";
import { WEBHOOK_PATH } from "./webhook.ts";

/** Of the commands that register the relay at Qonto. */
export const callbackUrlOption = required(
  "--url <url>",
  "the relay's, as https://relay.example.com/webhooks/qonto",
  readText,
);

/**
 * The address that Qonto is to call: the relay's without needless slashes, any other as it is. Qonto calls https only. A
 * simulated one on this machine, at `qontoUrl`, calls http addresses of this machine too.
 */
export function readCallbackUrl(text: string, qontoUrl: string | undefined): string {
  const url = URL.parse(text);
  const isSimulated = [text, qontoUrl ?? ""].every((one) => URL.canParse(one) && isOnThisMachine(one));
  const isCalled = url?.protocol === "https:" || (url?.protocol === "http:" && isSimulated);
  if (url === null || !isCalled || text.length > 512) {
    throw wrongUsage(
      "--url must be an https address of at most 512 characters.",
      "As https://relay.example.com/webhooks/qonto",
    );
  }
  const path = plainPath(url.pathname);
  if (path === url.pathname || !path.endsWith(WEBHOOK_PATH)) return text;
  url.pathname = path;
  return url.href;
}

/** Warns when the address that Qonto is to call looks wrong. */
export function warnOfPath(url: string, output: Output): void {
  if (URL.parse(url)?.pathname.endsWith(WEBHOOK_PATH) === true) return;
  output.note(`Warning: the address does not end in ${WEBHOOK_PATH}, where the relay takes webhooks.`);
}
