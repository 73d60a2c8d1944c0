import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { afterEach, expect, it } from "vitest";
import { workerOptions } from "../../../src/local/local-worker.ts";
import { serve } from "../../../src/local/serve.ts";
import { createMigrationTableSql, noteMigrationSql } from "../../../src/store/migrations.ts";

const stateDirectory = mkdtempSync(path.join(tmpdir(), "relay-state-"));

afterEach(() => rmSync(stateDirectory, { recursive: true, force: true }));

it("refuses a state that another version has made, and says what to do", async () => {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...(await workerOptions("")),
      resourcePersistencePath: path.join(stateDirectory, "v3"),
    }),
  );
  try {
    const db = await runtime.getD1Database("DB");
    await db.batch([db.prepare(createMigrationTableSql), db.prepare(noteMigrationSql).bind("0001_relay.sql")]);
  } finally {
    await runtime.dispose();
  }
  const serving = serve({ port: 0, print: () => undefined, stateDirectory, variablesFile: "/dev/null" });
  await expect(serving).rejects.toThrow(
    `The state in ${stateDirectory} was made by another version of the relay (0001_relay.sql)`,
  );
});
