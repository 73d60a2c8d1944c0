import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { bundleWorker } from "../../../../src/local/local-worker.ts";
import { ACCOUNT, CloudflareServer } from "../../support/cloudflare-server/cloudflare-server.ts";
import { HttpServer } from "../../../support/qonto-server/node/http-server.ts";
import { PlayedWrangler } from "./played-wrangler.ts";

/** What is uploaded to the emulation of Cloudflare serves, on the database and the queues of the account. */

const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];

let cloudflare: CloudflareServer;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-upload-"));
  cloudflare = new CloudflareServer();
  for (const queue of queues) cloudflare.addQueue(queue, "eu");
  cloudflare.addDatabase("qonto-relay", "eu");
});

afterEach(async () => {
  await cloudflare.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function run(bundle: string, ...command: readonly string[]): Promise<void> {
  const { environment, fetch } = cloudflare;
  const done = await new PlayedWrangler({ environment, fetch, bundle: async () => bundle }).run(command);
  expect(done.succeeded, done.output).toBe(true);
}

const secretsFile = (secrets: object) => {
  const file = path.join(directory, "secrets.json");
  writeFileSync(file, JSON.stringify(secrets));
  return file;
};

async function query(sql: string): Promise<unknown> {
  const [rows] = (await cloudflare.account().databases.get("qonto-relay")?.query(sql)) ?? [];
  return rows;
}

const ask = async (url: string, init?: RequestInit) =>
  (await cloudflare.workerOf(ACCOUNT, "qonto-relay")).fetch(
    new Request(`https://qonto-relay.test.workers.dev${url}`, init),
  );

it("is the relay, with its secrets, its database and its schedule", async () => {
  const ADMIN_TOKEN = "token-of-an-operator-of-32-characters";
  const bundle = await bundleWorker("src/index.ts");
  await run(bundle, "d1", "migrations", "apply", "DB", "--remote");
  await run(bundle, "deploy", "--secrets-file", secretsFile({ ADMIN_TOKEN, QONTO_WEBHOOK_SECRETS: "secret-of-test" }));
  const worker = await cloudflare.workerOf(ACCOUNT, "qonto-relay");
  expect((await ask("/health")).headers.get("content-type")).toContain("application/json");
  const created = await ask("/api/destinations", {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ url: "https://example.com/hook" }),
  });
  expect(created.status).toBe(201);
  expect(await query("SELECT url FROM destinations")).toEqual([{ url: "https://example.com/hook" }]);
  await worker.scheduled();
  expect(worker.logs.join("\n")).toMatch(/message: 'run\.finished'[^}]*failed_tasks: 0\b/);
});

/** A Worker that writes down what reaches it, and says which version it is. */
const versioned = (version: string) => `
const note = (env, from, what) => env.DB.prepare("INSERT INTO notes VALUES (?, ?, ?)").bind("${version}", from, what).run();
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/send") await env.EVENTS.send(searchParams.get("text"));
    if (pathname === "/fetch") await fetch(searchParams.get("url"));
    return new Response("${version} " + env.ADMIN_TOKEN);
  },
  async queue({ queue, messages }, env) {
    for (const { body } of messages) {
      if (body.startsWith("http:")) await fetch(body);
      await note(env, queue, body.replace(/^http.*/, "slow"));
    }
  },
  async scheduled({ cron }, env) {
    await note(env, "cron", cron);
  },
};`;

/** Takes longer than to replace a version for which nothing is waited. */
async function startOthers(): Promise<void> {
  for (const script of ["export default {};", "export default { };"]) {
    const runtime = new Miniflare(convertV4MiniflareOptions({ modules: true, script, cf: false }));
    await runtime.ready;
    await runtime.dispose();
  }
}

/** What a server that holds an answer back is told by. */
const held = () => ({ asked: Promise.withResolvers<void>(), answered: Promise.withResolvers<void>() });

it("gives way to a new version without refusing a request or losing a message", async () => {
  const [request, message] = [held(), held()];
  const slow = await HttpServer.start(async ({ url }) => {
    const { asked, answered } = url.endsWith("/request") ? request : message;
    asked.resolve();
    await answered.promise;
    return new Response();
  });
  await query("CREATE TABLE notes (version TEXT, source TEXT, what TEXT)");
  await query("INSERT INTO notes VALUES ('none', 'before', 'it''s served')");
  await run(versioned("one"), "deploy", "--secrets-file", secretsFile({ ADMIN_TOKEN: "secret" }));
  await (await cloudflare.workerOf(ACCOUNT, "qonto-relay")).scheduled();
  for (const text of ["a", "b", "c"]) await ask(`/send?text=${text}`);
  const inFlight = ask(`/fetch?url=${encodeURIComponent(`${slow.url}/request`)}`);
  await request.asked.promise;
  await run(versioned("two"), "deploy");
  const second = ask("/");
  await startOthers();
  request.answered.resolve();
  expect(await (await inFlight).text()).toBe("one secret");
  expect(await (await second).text()).toBe("two secret");

  await ask(`/send?text=${encodeURIComponent(`${slow.url}/message`)}`);
  await message.asked.promise;
  await run(versioned("three"), "deploy");
  const third = ask("/");
  await startOthers();
  message.answered.resolve();
  expect(await (await third).text()).toBe("three secret");
  await ask("/send?text=d");
  const notes = "SELECT version || ' ' || what AS note FROM notes WHERE source = 'qonto-relay-events' ORDER BY what";
  await vi.waitFor(async () => expect(await query(notes)).toHaveLength(5), { timeout: 30_000 });
  const expected = ["one a", "one b", "one c", "three d", "two slow"];
  expect(await query(notes)).toEqual(expected.map((note) => ({ note })));
  expect(await query("SELECT what FROM notes WHERE source NOT LIKE 'qonto-%' ORDER BY source")).toEqual([
    { what: "it's served" },
    { what: "* * * * *" },
  ]);
  await slow.stop();
});

it("says who asks that an upload does not start", async () => {
  await run("export default { fetch() { return new Response(", "deploy");
  await expect(cloudflare.workerOf(ACCOUNT, "qonto-relay")).rejects.toThrow("runtime failed to start");
  await run(versioned("two"), "deploy");
  expect((await ask("/")).status).toBe(200);
});
