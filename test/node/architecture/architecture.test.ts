import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { expectedMigrations } from "../../../src/store/migrations.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const source = path.join(root, "src");

/**
 * The rooms, and which rooms each may look into. Imports go down only: the Worker to its stages, a stage to what it works
 * with, never to another stage; domain and platform stand by themselves.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "index.ts": ["relay.ts", "platform"],
  "relay.ts": [
    "app.ts",
    "env.ts",
    "domain",
    "receive",
    "fan-out",
    "retry",
    "dead-letters",
    "cron",
    "store",
    "platform",
  ],
  "app.ts": ["env.ts", "domain", "receive", "api", "console", "store", "platform"],
  receive: ["env.ts", "messages.ts", "qonto", "store", "domain", "platform"],
  "fan-out": ["env.ts", "messages.ts", "qonto", "deliver", "outbound", "store", "domain", "platform"],
  retry: ["env.ts", "messages.ts", "connection", "deliver", "qonto", "outbound", "store", "domain", "platform"],
  "dead-letters": ["env.ts", "messages.ts", "qonto", "store", "platform"],
  cron: [
    "announce.ts",
    "env.ts",
    "messages.ts",
    "connection",
    "health",
    "replay",
    "deliver",
    "outbound",
    "store",
    "domain",
    "platform",
  ],
  api: [
    "config.ts",
    "env.ts",
    "messages.ts",
    "connection",
    "health",
    "qonto",
    "deliver",
    "outbound",
    "quarantine",
    "replay",
    "store",
    "domain",
    "platform",
  ],
  console: [
    "env.ts",
    "api",
    "connection",
    "health",
    "qonto",
    "outbound",
    "quarantine",
    "replay",
    "store",
    "domain",
    "platform",
  ],
  health: ["config.ts", "env.ts", "store", "domain", "platform"],
  quarantine: ["env.ts", "messages.ts", "qonto", "store", "platform"],
  connection: [
    "announce.ts",
    "config.ts",
    "env.ts",
    "messages.ts",
    "reconciliation",
    "qonto",
    "store",
    "domain",
    "platform",
  ],
  reconciliation: ["qonto", "domain", "platform"],
  replay: ["env.ts", "store", "domain", "platform"],
  deliver: ["env.ts", "messages.ts", "outbound", "store", "domain", "platform"],
  outbound: ["env.ts", "qonto", "domain", "platform"],
  "env.ts": ["config.ts", "messages.ts", "store", "platform"],
  "config.ts": [],
  "messages.ts": ["domain"],
  "announce.ts": ["env.ts", "messages.ts", "platform"],
  qonto: ["domain", "platform"],
  store: ["domain", "platform"],
  domain: [],
  platform: [],
  local: ["config.ts", "store"],
  cli: ["config.ts", "local", "api", "reconciliation", "qonto", "store", "domain", "platform"],
};

interface Module {
  readonly file: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const modules: readonly Module[] = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(tsx?|mjs)$/.test(file))
  .map((file) => {
    const text = readFileSync(path.join(source, file), "utf8");
    const specifiers = Array.from(
      text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g),
      ([, specifier = ""]) => specifier,
    );
    return { file, text, imports: specifiers.map((specifier) => path.join(path.dirname(file), specifier)) };
  });

const roomOf = (file: string) => file.split(path.sep)[0] ?? "";

describe("the source", () => {
  it("is read by this test", () => {
    expect(modules.length).toBeGreaterThan(50);
    expect(modules.flatMap(({ imports }) => imports).length).toBeGreaterThan(150);
  });

  it("has no room that this test does not know", () => {
    expect([...new Set(modules.map(({ file }) => roomOf(file)))].toSorted()).toEqual(Object.keys(mayImport).toSorted());
  });

  it.each(modules)("imports downwards only: $file", ({ file, imports }) => {
    const allowed = [roomOf(file), ...(mayImport[roomOf(file)] ?? [])];
    expect(imports.map(roomOf).filter((room) => !allowed.includes(room))).toEqual([]);
  });

  it("has the API's schemas apart from the Worker, for the command line reads answers by them", () => {
    const schemas = modules.filter(({ file }) => path.dirname(file) === path.join("api", "schemas"));
    expect(schemas.length).toBeGreaterThan(10);
    const imported = schemas.flatMap(({ imports }) => imports.map(path.dirname));
    expect([...new Set(imported)].toSorted()).toEqual(["api/schemas", "domain"]);
    const importedByCli = modules.filter(({ file }) => roomOf(file) === "cli").flatMap(({ imports }) => imports);
    expect(importedByCli.filter((file) => roomOf(file) === "api" && !file.startsWith("api/schemas/"))).toEqual([]);
  });

  it("has no import cycle", () => {
    const importsOf = new Map(modules.map(({ file, imports }) => [file, imports]));
    const finished = new Set<string>();
    const cyclesFrom = (file: string, trail: readonly string[]): string[] => {
      if (trail.includes(file)) return [[...trail.slice(trail.indexOf(file)), file].join(" → ")];
      if (finished.has(file)) return [];
      const cycles = (importsOf.get(file) ?? []).flatMap((imported) => cyclesFrom(imported, [...trail, file]));
      finished.add(file);
      return cycles;
    };
    expect(modules.flatMap(({ file }) => cyclesFrom(file, []))).toEqual([]);
  });
});

describe("what the Worker evaluates before it takes a webhook", () => {
  const evaluated = new Set(["index.ts"]);
  for (const file of evaluated) {
    const { text = "" } = modules.find((one) => one.file === file) ?? {};
    for (const specifier of staticImports(text)) {
      if (specifier.startsWith(".")) evaluated.add(path.join(path.dirname(file), specifier));
      else evaluated.add(specifier);
    }
  }

  it("is what receives, delivers and keeps order", () => {
    expect([...evaluated]).toEqual(
      expect.arrayContaining(["receive/route.ts", "fan-out/consumer.ts", "retry/consumer.ts", "cron/cron.ts"]),
    );
  });

  it("is neither the API, nor the console, nor the connection to Qonto, nor what only they need", () => {
    const onlyTheirs =
      /^(api|console|connection|reconciliation)\b|^oauth4webapi|^@hono\/zod-openapi|^hono\/jsx|samples\.json$/;
    expect([...evaluated].filter((module) => onlyTheirs.test(module))).toEqual([]);
  });
});

/** What a module's text has evaluated before it: not what it imports later, nor types. */
function staticImports(text: string): string[] {
  const pattern = /^(?:import|export)\s+(?!type\b)(?:[^;"]*\bfrom\s+)?"([^"]+)"/gm;
  return Array.from(text.matchAll(pattern), ([, specifier = ""]) => specifier);
}

describe("each outside thing has one door", () => {
  const using = (pattern: RegExp) => modules.filter(({ text }) => pattern.test(text)).map(({ file }) => file);
  const worker = (files: readonly string[]) => files.filter((file) => !["cli", "local"].includes(roomOf(file)));

  it("SQL is in the store alone", () => {
    const outside = using(/\.prepare\(|\b(SELECT|INSERT INTO|UPDATE|DELETE FROM) \w/).filter(
      (file) => roomOf(file) !== "store",
    );
    expect(outside).toEqual([]);
  });

  it("every statement of the store is a named one, so that its plan is looked at", () => {
    const prepared = modules
      .filter(({ file }) => roomOf(file) === "store" && file !== "store/database.ts")
      .flatMap(({ text }) => Array.from(text.matchAll(/\.prepare\(([^)]*)\)/g), ([, argument]) => argument));
    expect(prepared.length).toBeGreaterThan(25);
    expect(prepared.filter((argument) => !/^\w+Sql$/.test(argument ?? ""))).toEqual([]);
  });

  it("HMAC is in one file, and encryption in another", () => {
    expect(using(/subtle\.(sign|verify)\(/)).toEqual(["platform/hmac.ts"]);
    expect(using(/subtle\.(encrypt|decrypt|deriveKey)\(/)).toEqual(["platform/encryption.ts"]);
  });

  it("requests leave from one file to destinations, and from two to Qonto: its API, and its OAuth server", () => {
    expect(worker(using(/[^.\w]fetch\(/)).toSorted()).toEqual(["platform/world.ts"]);
    expect(worker(using(/world\.fetch\(/)).toSorted()).toEqual([
      "connection/oauth.ts",
      "outbound/post.ts",
      "platform/http.ts",
    ]);
  });

  it("the command line has of its process what its entry hands in", () => {
    const reached = new Set(["cli/command-line.ts"]);
    for (const file of reached) {
      for (const imported of modules.find((one) => one.file === file)?.imports ?? []) reached.add(imported);
    }
    expect(reached.size).toBeGreaterThan(40);
    expect(using(/\b(process|console)\.\w/).filter((file) => reached.has(file))).toEqual([]);
  });

  it("time and chance are arguments", () => {
    const direct =
      /Date\.now\b|new Date\(\)|Math\.random\b|setTimeout\(|setInterval\(|AbortSignal\.timeout|getRandomValues|randomUUID/;
    expect(worker(using(direct))).toEqual(["platform/world.ts"]);
  });

  it("the tests that run in workerd have one clock, and none waits in real time", () => {
    const folder = path.join(root, "test/worker");
    const waiting = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (file) =>
        /\.tsx?$/.test(file) &&
        /setTimeout\(|setInterval\(|scheduler\.wait|AbortSignal\.timeout|FakeTimers/.test(
          readFileSync(path.join(folder, file), "utf8"),
        ),
    );
    expect(waiting).toEqual(["support/clock.ts"]);
  });

  it("requests of an isolate share no promise: one that waits for another's work may wait for ever", () => {
    const kept =
      /\bMap<[^;{}()]*Promise<|^(?:export )?const \w+: [^=;()]*Promise<|\blet \w+: [^=;()]*Promise<|#\w+\??: [^=;()]*Promise</m;
    expect(worker(using(kept))).toEqual([]);
    expect(kept.test("const keys = new Map<string, Promise<CryptoKey>>();")).toBe(true);
  });

  it("logs are written in one file", () => {
    expect(worker(using(/\bconsole\.[a-z]+\(/))).toEqual(["platform/log.ts"]);
  });

  it("Qonto's header names are known to its own room, to what signs as Qonto does, and to what describes or reserves them", () => {
    expect(using(/x-qonto-signature|qonto-sha256-signature/)).toEqual([
      "domain/own-headers.ts",
      "outbound/delivery-contract.ts",
      "outbound/sign.ts",
      "qonto/signature.ts",
    ]);
  });
});

it("a file of the source holds one thing, and so is short", () => {
  const long = modules.filter(({ text }) => text.split("\n").length > 400).map(({ file }) => file);
  expect(long).toEqual([]);
});

it("the top level holds what it must, and nothing else", () => {
  const entries = readdirSync(root).filter((name) => !name.startsWith(".") && name !== "node_modules");
  expect(entries.toSorted()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "migrations",
    "package-lock.json",
    "package.json",
    "src",
    "test",
    "tsconfig.json",
    "wrangler.toml",
  ]);
});

describe("wrangler.toml", () => {
  const configuration = readFileSync(path.join(root, "wrangler.toml"), "utf8");

  it("bounds how many consumers of a queue run side by side against the one primary of D1", () => {
    const consumers = configuration.split("[[queues.consumers]]").slice(1);
    expect(consumers).toHaveLength(3);
    const bounds = consumers.map((consumer) => Number(/^max_concurrency = (\d+)$/m.exec(consumer)?.[1]));
    // A D1 call of each, of 4 ms at most, within the 250 ms that the receiver has for D1.
    expect(bounds.reduce((sum, bound) => sum + bound)).toBeLessThanOrEqual(100);
    expect(bounds.every((bound) => bound >= 1)).toBe(true);
  });

  it("has no second log of what the relay logs itself, which test/worker/budgets counts on", () => {
    expect(configuration).toMatch(/^\[observability\.logs\]\nenabled = true\ninvocation_logs = false$/m);
  });
});

it("the lock file names no registry", () => {
  expect(readFileSync(path.join(root, "package-lock.json"), "utf8")).not.toMatch(/"resolved": "http/);
});

it("the relay expects the migrations that there are", () => {
  const files = readdirSync(path.join(root, "migrations")).toSorted();
  expect(expectedMigrations).toEqual(files);
});

describe.each(expectedMigrations)("%s", (name) => {
  const before = expectedMigrations.slice(0, expectedMigrations.indexOf(name)).map(readMigration);
  const migration = readMigration(name);

  it("has no comment with what D1's own splitter would split it by", () => {
    const comments = migration.match(/--.*$/gm) ?? [];
    expect(comments.length).toBeGreaterThan(0);
    expect(comments.filter((comment) => /[;']/.test(comment))).toEqual([]);
  });

  it("makes the same schema when a splitter that knows no comments cuts it at each semicolon", () => {
    const pieces = migration.split(";");
    expect(pieces.length).toBeGreaterThan(1);
    expect(schemaAfter([...before, ...pieces])).toEqual(schemaAfter([...before, migration]));
  });
});

function readMigration(name: string): string {
  return readFileSync(path.join(root, "migrations", name), "utf8");
}

/** Every table and index, after each text has been executed. Throws on one that is no whole statement. */
function schemaAfter(texts: readonly string[]): unknown[] {
  const db = new DatabaseSync(":memory:");
  try {
    for (const text of texts) db.exec(text);
    return db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").all();
  } finally {
    db.close();
  }
}
