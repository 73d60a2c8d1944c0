import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ServedWorker } from "../../bench/served-worker.ts";
import { type Around, qonto } from "./qonto-program.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { environmentOf, serveRelay } from "./served-relay.ts";

/** `destinations apply` against a relay on real D1. */

const receiver = new ScriptedServer();
const directory = mkdtempSync(path.join(tmpdir(), "apply-"));
const file = path.join(directory, "destinations.yaml");
let relay: ServedWorker;
let environment: Record<string, string>;

beforeAll(async () => {
  relay = await serveRelay();
  await receiver.start();
  environment = { ...environmentOf(relay), BOOKS_TOKEN: "Bearer first-token" };
});

afterEach(async () => {
  for (const { id } of await all()) await qonto(["destinations", "delete", id], environment);
});

afterAll(async () => {
  await relay?.stop();
  await receiver.stop();
  rmSync(directory, { recursive: true });
});

async function all(): Promise<any[]> {
  return JSON.parse((await qonto(["destinations", "list", "--json"], environment)).stdout).data;
}

async function apply(text: string, options: readonly string[] = ["--yes"], around: Around = {}) {
  writeFileSync(file, text);
  return qonto(["destinations", "apply", file, ...options], environment, around);
}

async function create(description: string): Promise<string> {
  const command = ["destinations", "create", `${receiver.url}/hook`, "--description", description, "--json"];
  return JSON.parse((await qonto(command, environment)).stdout).id;
}

/** As it would be kept in git: comments, flow and block style, an anchor, and an id of more digits than a double has. */
const books = () => `
# What the books get.
destinations:
  - name: books
    url: ${receiver.url}/books
    types: &payments [v1/transactions, v1/cards]
    filter:
      data.id: 12345678901234567890
      data.amount: { $gte: 1000.50 }
    timeout_ms: 5000
    headers: { Authorization: "\${BOOKS_TOKEN}", x-ledger: books }
  - name: chat
    url: ${receiver.url}/chat
    types: *payments
    format: slack
`;

const yesAtTerminal: Around = { input: "y\n", terminal: { isTTY: true, columns: 120 } };

describe("destinations apply", () => {
  it("creates what is declared, says its secret once, and changes nothing when it runs again", async () => {
    const applied = await apply(books());
    expect(applied.code).toBe(0);
    expect(applied.stdout).toMatch(
      /^Created books \(dst_\w+\)\.\nSecret, shown this once: {2}whsec_\S+\nCreated chat \(dst_\w+\)\.\nSecret, .*\n$/,
    );
    expect(applied.stderr).toContain("+ books\n");
    expect(applied.stderr).toContain("    types: v1/transactions, v1/cards\n");
    expect(await all()).toMatchObject([
      {
        description: "books",
        types: ["v1/transactions", "v1/cards"],
        timeout_ms: 5_000,
        header_names: ["authorization", "x-ledger"],
      },
      { description: "chat", format: "slack" },
    ]);
    const shown = await qonto(["destinations", "list", "--json"], environment);
    expect(shown.stdout).toMatch(/"data.id": 12345678901234567890\b/);
    expect(await apply(books())).toEqual({ code: 0, stdout: "Nothing to change.\n", stderr: "" });
    expect((await apply(books(), ["--dry-run"])).code).toBe(0);
  });

  it("reads JSON too, and answers with a line of JSON for each step", async () => {
    const url = `${receiver.url}/json`;
    const json = JSON.stringify({ destinations: [{ name: "json", url, filter: { "data.amount": 1 } }] });
    const { stdout } = await apply(json, ["--yes", "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      action: "created",
      name: "json",
      id: expect.stringMatching(/^dst_/),
      secret: expect.stringMatching(/^whsec_/),
    });
    expect(JSON.parse((await apply(json, ["--yes", "--json"])).stdout)).toEqual({ action: "none" });
  });

  it("changes only the fields that differ, and keeps those that the file does not name", async () => {
    await apply(books());
    const [before] = await all();
    await qonto(["destinations", "pause", before.id], environment);
    const changed = books().replace("5000", "6000").replace("v1/cards]", "v1/checks]");
    const dryRun = await apply(changed, ["--dry-run"]);
    expect(dryRun.code).toBe(1);
    expect(dryRun.stdout).toContain(`~ books (${before.id})\n`);
    expect(dryRun.stdout).toContain("    timeout_ms: 5000 → 6000\n");
    expect((await all())[0].timeout_ms).toBe(5_000);

    expect((await apply(changed)).stdout).toMatch(/^Changed books \(dst_\w+\)\.\nChanged chat \(dst_\w+\)\.\n$/);
    const [after] = await all();
    expect(after).toEqual({
      ...before,
      types: ["v1/transactions", "v1/checks"],
      timeout_ms: 6_000,
      enabled: false,
      health: { ...before.health, state: "paused" },
      updated_at: after.updated_at,
    });
  });

  it("takes another order of names, of keys, and another spelling of a URL for the same", async () => {
    const one = (url: string, rest: string) => `destinations: [{ name: one, url: "${url}", ${rest} }]`;
    await apply(one(`${receiver.url}/a`, `types: [v1/a, v1/b], filter: { data.x: 1, data.y: 2 }`));
    const same = one(
      ` ${receiver.url.toUpperCase()}/./a`,
      `filter: { "data.y": 2, "data.x": 1.0 }, types: [v1/b, v1/a]`,
    );
    expect((await apply(same)).stdout).toBe("Nothing to change.\n");
    const schedule = (steps: string) => one(`${receiver.url}/a`, `retry_schedule_seconds: ${steps}`);
    await apply(schedule("[1, 5]"));
    expect((await apply(schedule("[5, 1]"), ["--dry-run"])).stdout).toContain("[1,5] → [5,1]");
  });

  it("writes headers if their names differ, or when it is told to; what the environment gave is not shown", async () => {
    await apply(books());
    const [{ id }] = await all();
    const sent = async () => {
      await qonto(["destinations", "test", id], environment);
      return receiver.received.at(-1)?.headers.authorization;
    };
    expect(await sent()).toBe("Bearer first-token");

    environment = { ...environment, BOOKS_TOKEN: "Bearer second-token" };
    expect((await apply(books())).stdout).toBe("Nothing to change.\n");
    const written = await apply(books(), ["--yes", "--write-headers"]);
    expect(written.stderr).toContain("    headers: authorization, x-ledger (written again)\n");
    expect(await sent()).toBe("Bearer second-token");

    const { stdout, stderr } = await apply(books().replace(", x-ledger: books", ""));
    expect(stderr).toContain("    headers: authorization, x-ledger → authorization\n");
    expect(stdout + stderr).not.toContain("second-token");
    await apply(books().replace(/headers: .*/, "headers: null"));
    expect((await all())[0].header_names).toEqual([]);
    expect(await sent()).toBeUndefined();
  });

  it("takes a URL from the environment, and does not show it", async () => {
    environment = { ...environment, CHAT_URL: `${receiver.url}/secret-of-the-chat` };
    const { stdout, stderr } = await apply('destinations: [{ name: chat, url: "${CHAT_URL}" }]');
    expect((await all())[0].url).toBe(environment["CHAT_URL"]);
    expect(stdout + stderr).not.toContain("secret-of-the-chat");
  });

  it("leaves other destinations alone, and deletes them with --prune", async () => {
    const id = await create("by hand");
    const first = await apply(books());
    expect(first.stderr).toContain(`Not in the file, left alone: by hand (${id}).\n`);
    expect(await all()).toHaveLength(3);
    const pruned = await apply(books(), ["--yes", "--prune"]);
    expect(pruned.stderr).toContain(`- by hand (${id})\n`);
    expect(pruned.stdout).toBe(`Deleted by hand (${id}).\n`);
    expect((await all()).map(({ description }) => description)).toEqual(["books", "chat"]);
  });

  it("asks at a terminal, and changes nothing without a yes", async () => {
    const refused = await apply(books(), [], { ...yesAtTerminal, input: "n\n" });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/\+ books\n[^]*Apply this\? \[y\/N\] Nothing was changed\.\n$/);
    expect((await apply(books(), [], { ...yesAtTerminal, input: "" })).code).toBe(1);
    expect(await all()).toEqual([]);
    expect((await apply(books(), [], yesAtTerminal)).code).toBe(0);
    expect(await all()).toHaveLength(2);
  });

  it("changes nothing where there is nobody to ask", async () => {
    const { code, stderr } = await apply(books(), []);
    expect([code, stderr]).toEqual([2, expect.stringContaining("There is no terminal to ask at.\nGive --yes")]);
    expect(await all()).toEqual([]);
  });

  it("refuses to guess which of two destinations is meant", async () => {
    const ids = [await create("books"), await create("books")];
    const { code, stderr } = await apply(books());
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`Several destinations are called books: ${ids.join(", ")}.`),
    ]);
    expect(await all()).toHaveLength(2);
  });

  it("keeps the secret of what it has created when a later step is refused", async () => {
    const text = `${books()}\n  - { name: last, url: "${receiver.url}/x", template: "not JSON", format: template }\n`;
    const { code, stdout, stderr } = await apply(text.replaceAll("\n\n", "\n"));
    expect(code).toBe(1);
    expect(stdout.match(/whsec_/g)).toHaveLength(2);
    expect(stderr).toContain("invalid_request");
  });
});

describe("a file with faults", () => {
  const faults: readonly [string, string, string][] = [
    ["is no YAML", "destinations:\n  - name: @a\n", ":2: Plain value cannot start"],
    ["has an alias of nothing", "destinations:\n  - name: *a\n", ":2: Unresolved alias"],
    ["has a key twice", "destinations:\n  - name: a\n    name: b\n", ":3: Map keys must be unique"],
    ["is empty", "", ":1: Invalid input"],
    ["has several documents", "destinations: []\n---\ndestinations: []\n", ":2: Source contains"],
    ["has a field that no destination has", one("\n    typs: []"), ":4: destinations.0.typs is not a known field"],
    ["has the API's word for the name", one("\n    description: b"), ":4: destinations.0.description is not a known"],
    ["has a value of another kind", one("\n    timeout_ms: soon"), ":4: destinations.0.timeout_ms Invalid input"],
    [
      "has a filter that the relay refuses",
      one("\n    filter:\n      data.a: { $gt: [] }"),
      ":5: destinations.0.filter.data.a",
    ],
    [
      "has a header of the relay's",
      one("\n    headers:\n      X-Relay-Test: a"),
      ":5: destinations.0.headers.X-Relay-Test is set by",
    ],
    ["lacks a URL", "destinations:\n  - name: a\n", ":2: destinations.0.url Invalid input"],
    [
      "names a destination twice",
      `${one("")}\n  - { name: a, url: "https://b.example" }`,
      ":4: destinations.1.name is taken",
    ],
    [
      "needs what the environment lacks",
      one("\n    headers: { a: '${NO_TOKEN}' }"),
      ":4: destinations.0.headers.a needs NO_TOKEN",
    ],
    ["misspells a variable", one("\n    headers: { a: '${NO-TOKEN}' }"), ":4: destinations.0.headers.a has a ${ that"],
    ["has a number beyond all", one("\n    filter: { data.a: .inf }"), ":4: No number of JSON"],
  ];

  function one(more: string): string {
    return `destinations:\n  - name: a\n    url: https://a.example${more}`;
  }

  it.each(faults)("is refused before the relay is asked when it %s", async (_title, text, expected) => {
    writeFileSync(file, text);
    const asked: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (input) => {
      asked.push(input);
      throw new TypeError("fetch failed");
    };
    const around = { world: { fetch } };
    const { code, stdout, stderr } = await qonto(["destinations", "apply", file, "--yes"], environment, around);
    expect(stderr).toContain(`${file}${expected}`);
    expect(stderr).toContain("does not declare destinations. Nothing was changed.");
    expect([code, stdout, asked]).toEqual([2, "", []]);
  });

  it("that is no text is refused", async () => {
    writeFileSync(file, Uint8Array.of(0xff, 0xfe));
    const { code, stderr } = await qonto(["destinations", "apply", file], environment);
    expect([code, stderr]).toEqual([2, `${file} is no text in UTF-8.\n`]);
  });
});
