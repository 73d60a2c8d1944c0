import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { afterEach, expect, it } from "vitest";
import { workerOptions } from "../../../src/local/local-worker.ts";
import { ServeError, serve } from "../../../src/local/serve.ts";
import { createMigrationTableSql, noteMigrationSql } from "../../../src/store/migrations.ts";

const stateDirectory = mkdtempSync(path.join(tmpdir(), "relay-state-"));

afterEach(() => rmSync(stateDirectory, { recursive: true, force: true }));

it.each([
  { of: "with other migrations", note: "0001_relay.sql", seen: "0001_relay.sql" },
  { of: "with other tables", note: "0001_schema.sql", seen: "no such table" },
])("refuses a state of another version, $of, and says what to do", async ({ note, seen }) => {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...(await workerOptions("")),
      resourcePersistencePath: path.join(stateDirectory, "v3"),
    }),
  );
  try {
    const db = await runtime.getD1Database("DB");
    await db.batch([db.prepare(createMigrationTableSql), db.prepare(noteMigrationSql).bind(note)]);
  } finally {
    await runtime.dispose();
  }
  const error: unknown = await serve({
    port: 0,
    print: () => undefined,
    stateDirectory,
    variablesFile: "/dev/null",
  }).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(ServeError);
  expect(String(error)).toContain(`The state in ${stateDirectory} was made by another version of the relay (`);
  expect(String(error)).toContain(seen);
});

/** Of a first start, with one line more. */
function variablesWith(line: string): string {
  mkdirSync(stateDirectory, { recursive: true });
  const file = path.join(stateDirectory, ".dev.vars");
  writeFileSync(file, `ALLOW_PRIVATE_DESTINATIONS=true\nADMIN_TOKEN=local\nQONTO_WEBHOOK_SECRETS=local\n${line}\n`);
  return file;
}

it("serves nothing with a number that it cannot read, and names it", async () => {
  const variablesFile = variablesWith("MAX_BODY_BYTES=large");
  const error: unknown = await serve({ port: 0, print: () => undefined, stateDirectory, variablesFile }).catch(
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ServeError);
  expect(String(error)).toMatch(/In \.dev\.vars: MAX_BODY_BYTES must be a whole number .*\. Nothing was started\.$/);
});

it("names a variable of the connection that it cannot read, and serves", async () => {
  const printed: string[] = [];
  const print = (line: string) => void printed.push(line);
  const variablesFile = variablesWith("QONTO_ENVIRONMENT=staging");
  const { stop } = await serve({ port: 0, print, stateDirectory, variablesFile });
  await stop();
  expect(printed.filter((line) => line.startsWith("In "))).toEqual([
    expect.stringMatching(/^In \.dev\.vars: QONTO_ENVIRONMENT must be /),
  ]);
});
