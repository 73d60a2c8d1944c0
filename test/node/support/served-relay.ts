import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { serve } from "../../../src/local/serve.ts";
import { freePort } from "../../demo/free-port.ts";

/** What it is served with: the secrets of a relay on this machine. */
export const variables = {
  ADMIN_TOKEN: "local-admin-token",
  QONTO_WEBHOOK_SECRETS: "local-business-secret",
  QONTO_ONBOARDING_SECRETS: "local-onboarding-secret",
};

export interface ServedRelay {
  readonly url: string;
  readonly stateDirectory: string;
  /** Its state goes with it. */
  readonly stop: () => Promise<void>;
}

/** The relay as `npm start` serves it, on a port of its own and with a state of its own. */
export async function serveRelay(moreVariables: Readonly<Record<string, string>> = {}): Promise<ServedRelay> {
  const stateDirectory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-served-"));
  const removeState = () => rmSync(stateDirectory, { recursive: true, force: true });
  const variablesFile = path.join(stateDirectory, "variables");
  const all = { ...variables, ALLOW_PRIVATE_DESTINATIONS: "true", ...moreVariables };
  const lines = Object.entries(all).map((pair) => pair.join("="));
  writeFileSync(variablesFile, lines.join("\n"));
  try {
    const { url, stop } = await serve({
      port: await freePort(),
      stateDirectory,
      variablesFile,
      print: () => undefined,
    });
    return { url, stateDirectory, stop: () => stop().finally(removeState) };
  } catch (error) {
    removeState();
    throw error;
  }
}
