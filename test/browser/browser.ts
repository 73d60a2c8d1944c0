import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";

const executablePath = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const isThere = existsSync(executablePath);

/** `describe` for what needs a browser. Without one it says so and is skipped. */
export function describeInBrowser(title: string, tests: () => void): void {
  const name = isThere ? title : `${title} (skipped: there is no Chromium at ${executablePath})`;
  describe.skipIf(!isThere)(name, tests);
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
    ],
  });
}
