import { expect, it } from "vitest";
import { currentDocument, writeDocument } from "./command-help.ts";

it("src/cli/README.md has the help of every command", async () => {
  const document = currentDocument();
  expect(document, "Run `node test/node/cli/command-help.ts`.").toBe(await writeDocument());
  expect(document).toContain("Usage: qonto subscriptions create");
  expect(document.match(/^## /gm)?.length).toBeGreaterThan(20);
});
