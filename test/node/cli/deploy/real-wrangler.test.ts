import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runDeploy } from "../../../../src/cli/deploy/run-deploy.ts";
import { RealWrangler } from "../../../../src/cli/deploy/wrangler.ts";
import { ADMIN_TOKEN } from "../../../support/admin-token.ts";
import { businessRequest, makePayload } from "../../../support/qonto.ts";
import { ACCOUNT, CloudflareServer } from "../../support/cloudflare-server/cloudflare-server.ts";

/** The pinned wrangler itself, against a Cloudflare on this machine, which runs what is uploaded. */

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const RELAY = "https://qonto-relay.test.workers.dev";
const SECRET = "business-secret";

let cloudflare: CloudflareServer;
let home: string;

beforeEach(async () => {
  cloudflare = await CloudflareServer.start();
  home = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-home-"));
  const ofThePerson = Object.keys(process.env).filter((name) => /^(CLOUDFLARE|CF|WRANGLER|FORCE_COLOR)/.test(name));
  for (const name of ofThePerson) vi.stubEnv(name, undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await cloudflare.stop();
  rmSync(home, { recursive: true, force: true });
});

/** The account of the test, and nothing at home that wrangler could read. */
const environment = () => ({ ...cloudflare.environment, HOME: home, XDG_CONFIG_HOME: home });

async function deploy(...programArguments: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { ...environment(), ADMIN_TOKEN, QONTO_WEBHOOK_SECRETS: SECRET };
  const wrangler = new RealWrangler(environment());
  const code = await runDeploy(programArguments, { env, stdout, stderr, wrangler, directory: home });
  const said = await Promise.all([stdout.end(), stderr.end()].map((stream) => text(stream)));
  return { code, stdout: said[0], stderr: said[1] };
}

const ask = async (pathname: string, init: RequestInit) =>
  (await cloudflare.workerOf(ACCOUNT, "qonto-relay")).fetch(new Request(RELAY + pathname, init));

/** An event as Qonto sends it; resolves with its id once it is acknowledged. */
async function send(): Promise<string> {
  const payload = makePayload("v1/transactions");
  const timestamp = Math.floor(Date.now() / 1000);
  const answer = await ask("/webhooks/qonto", await businessRequest(payload, { secret: SECRET, timestamp }));
  expect([answer.status, await answer.json()]).toEqual([200, { status: "accepted", event_id: payload.id }]);
  return payload.id;
}

it("takes an empty account to an event that is delivered, and updates the live relay without refusing one", async () => {
  const config = readFileSync(path.join(root, "wrangler.toml"), "utf8");
  const delivered: string[] = [];
  cloudflare.account().internet = async ({ headers }) => {
    delivered.push(headers.get("webhook-id") ?? "");
    return new Response();
  };
  expect(await deploy()).toMatchObject({ code: 0, stderr: "" });
  const created = await ask("/api/destinations", {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ url: "https://destination.example.com/hook" }),
  });
  expect(created.status).toBe(201);
  const sent = [await send()];
  await vi.waitFor(() => expect(delivered).toEqual(sent), { timeout: 30_000 });

  const before = cloudflare.changes.length;
  const update = { isDone: false };
  const updating = deploy().finally(() => (update.isDone = true));
  while (!update.isDone) sent.push(await send());
  expect(await updating).toMatchObject({ code: 0, stderr: "" });
  expect(cloudflare.changes.slice(before)).toEqual(["upload qonto-relay", "deploy qonto-relay"]);
  sent.push(await send());
  expect(sent.length).toBeGreaterThan(10);
  // What an isolate was about to send when it gave way, the cron sends.
  await (await cloudflare.workerOf(ACCOUNT, "qonto-relay")).scheduled();
  await vi.waitFor(() => expect(new Set(delivered)).toEqual(new Set(sent)), { timeout: 60_000 });
  expect((await deploy("--status")).stdout).toMatch(/^Last event  \d{4}-.*Z, v1\/transactions$/m);
  expect(cloudflare.unknown).toEqual([]);
  expect(readFileSync(path.join(root, "wrangler.toml"), "utf8")).toBe(config);
}, 300_000);

/** Processes that have the home of this test. */
function running(): string[] {
  const all = execFileSync("ps", ["-eo", "args=", "e", "ww"], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(home));
}

it.each(["SIGTERM", "SIGHUP"] as const)(
  "is ended by %s with the deployment that started it, which leaves no secret behind",
  async (signal) => {
    const { applied: hanging } = cloudflare.fail({ method: "PUT", path: /\/scripts\/qonto-relay$/ }, "hang");
    const child = spawn(process.execPath, ["src/cli/deploy.ts"], {
      cwd: root,
      env: { ...process.env, ...environment(), TMPDIR: home },
      stdio: "ignore",
    });
    await hanging;
    expect(running().some((line) => line.includes("--secrets-file"))).toBe(true);
    const temporary = () => readdirSync(home).filter((name) => name.startsWith("qonto-relay-deploy-"));
    expect(temporary()).toHaveLength(1);
    child.kill(signal);
    const [code] = await once(child, "close");
    expect(code).toBe(128 + os.constants.signals[signal]);
    await vi.waitFor(() => expect(running()).toEqual([]), { timeout: 60_000 });
    expect(temporary()).toEqual([]);
  },
  120_000,
);

it("is ended when it takes too long", async () => {
  const { applied: hanging } = cloudflare.fail({ path: /^/ }, "hang");
  const limit = new AbortController();
  const run = new RealWrangler(environment()).run(["queues", "list"], {}, limit.signal);
  await hanging;
  limit.abort();
  expect(await run).toMatchObject({ succeeded: false, output: expect.stringContaining("It took too long") });
  expect(running()).toEqual([]);
}, 120_000);

it("is ended however many of it run, and nothing follows upon what was cut short", async () => {
  const runs = new RealWrangler(environment());
  let ended = 0;
  for (const name of ["one", "two", "three"]) void runs.run(["queues", "info", name]).finally(() => (ended += 1));
  expect(running()).not.toEqual([]);
  await runs.stop();
  await vi.waitFor(() => expect(running()).toEqual([]), { timeout: 60_000 });
  expect(ended).toBe(0);
});
