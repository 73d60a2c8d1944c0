import { ServedWorker } from "../../bench/served-worker.ts";

export const SECRET = "business-secret";
const ONBOARDING_SECRET = "onboarding-secret";
export const TOKEN = "token-of-test";

/** The relay with real D1 and queues, which hand on at once what they get. */
export function serveRelay(): Promise<ServedWorker> {
  const bindings = {
    QONTO_WEBHOOK_SECRETS: SECRET,
    QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
    ADMIN_TOKEN: TOKEN,
    ALLOW_PRIVATE_DESTINATIONS: "true",
  };
  return ServedWorker.start("src/index.ts", { bindings, batchingSeconds: 0 });
}

/** What the command line is told of it. */
export function environmentOf({ url }: ServedWorker): Record<string, string> {
  return {
    RELAY_URL: url,
    ADMIN_TOKEN: TOKEN,
    QONTO_WEBHOOK_SECRETS: SECRET,
    QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
  };
}
