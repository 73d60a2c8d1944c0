import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { z } from "zod";
import { Cloudflare } from "../../../../src/cli/deploy/cloudflare.ts";
import { runDeploy } from "../../../../src/cli/deploy/run-deploy.ts";
import { type Run, type Wrangler, WranglerRuns } from "../../../../src/cli/deploy/wrangler-runs.ts";
import { CloudflareServer } from "../../support/cloudflare-server/cloudflare-server.ts";
import { FakeWrangler, migrations } from "./fake-wrangler.ts";

/** The pinned wrangler itself, against a Cloudflare on this machine. */

const root = fileURLToPath(new URL("../../../../", import.meta.url));

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

const record = z.array(z.looseObject({ type: z.string(), targets: z.array(z.string()).optional() }));

interface Recorded extends Run {
  /** What it wrote down for programs. */
  readonly record: z.output<typeof record>;
}

/** Remembers by command what a wrangler answered. */
class Recording implements Wrangler {
  readonly runs = new Map<string, Recorded>();
  readonly #wrangler: Wrangler;

  constructor(wrangler: Wrangler) {
    this.#wrangler = wrangler;
  }

  async run(command: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Run> {
    const run = await this.#wrangler.run(command, more);
    const file = more["WRANGLER_OUTPUT_FILE_PATH"];
    const lines = file === undefined ? [] : readFileSync(file, "utf8").trim().split("\n");
    this.runs.set(command.join(" "), { ...run, record: record.parse(lines.map((line) => JSON.parse(line))) });
    return run;
  }
}

async function deploy(wrangler: Wrangler) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runDeploy([], { env: environment(), stdout, stderr, wrangler });
  const said = await Promise.all([stdout.end(), stderr.end()].map((stream) => text(stream)));
  return { code, stdout: said[0], stderr: said[1] };
}

it("deploys all, is known by heart by its fake, and deploys what is there", async () => {
  const config = readFileSync(path.join(root, "wrangler.toml"), "utf8");
  cloudflare.addQueue("qonto-relay-retries", "eu");
  cloudflare.addQueue("qonto-relay-dead-letters", "eu");
  const runs = new WranglerRuns(environment());
  const real = new Recording(runs);
  const deployed = await deploy(real);
  expect(deployed).toMatchObject({ code: 0, stderr: "" });
  expect(known(cloudflare.changes)).toEqual([
    "create queue qonto-relay-events in eu",
    "create database qonto-relay in eu",
    ...migrations.map((name) => `migrate ${name}`),
    "upload qonto-relay",
  ]);
  const { queues, databases } = cloudflare.account();
  const consumers = [...queues.values()].map(({ consumers: all }) => all.map(({ script }) => script));
  expect(consumers).toEqual([["qonto-relay"], ["qonto-relay"], ["qonto-relay"]]);
  const [tables] = (await databases.get("qonto-relay")?.query("SELECT name FROM sqlite_schema")) ?? [];
  const names = tables?.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["events", "destinations", "deliveries"]));

  const account = new FakeWrangler();
  account.queues.set("qonto-relay-retries", "eu").set("qonto-relay-dead-letters", "eu");
  const fake = new Recording(account);
  expect(await deploy(fake)).toEqual(deployed);
  expect(account.changes).toEqual(known(cloudflare.changes));
  expect([...fake.runs.keys()].toSorted()).toEqual([...real.runs.keys()].toSorted());
  for (const [command, run] of fake.runs) expectSaid(command, run, real.runs.get(command));

  const targets = await new Cloudflare(runs, environment()).deploy();
  expect(targets).toContain("https://qonto-relay.test.workers.dev");
  expect(cloudflare.changes.slice(-2)).toEqual(["upload qonto-relay", "deploy qonto-relay"]);
  expect(cloudflare.unknown).toEqual([]);
  expect(readFileSync(path.join(root, "wrangler.toml"), "utf8")).toBe(config);
}, 300_000);

/** What the fake knows of, too. */
const known = (changes: readonly string[]) => changes.filter((change) => /^(?:create|migrate|upload) /.test(change));

/** What the fake leaves unsaid is nothing that the deployment reads; each line that it says is the real one's. */
function expectSaid(command: string, fake: Recorded, real: Recorded | undefined): void {
  expect(real?.succeeded, command).toBe(fake.succeeded);
  for (const where of ["stdout", "output"] as const) {
    expect(real?.[where].split("\n"), command).toEqual(expect.arrayContaining(fake[where].split("\n")));
  }
  for (const { targets = [], ...line } of fake.record) {
    const withTargets = targets.length === 0 ? {} : { targets: expect.arrayContaining(targets) };
    expect(real?.record, command).toContainEqual(expect.objectContaining({ ...line, ...withTargets }));
  }
}

/** Processes that have the home of this test. */
function running(): string[] {
  const all = execFileSync("ps", ["-eo", "args=", "e", "ww"], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(home));
}

it("is ended with the deployment that started it", async () => {
  const { applied: hanging } = cloudflare.fail({ path: /^/ }, "hang");
  // With a key instead of a token the deployment asks first who that is: one wrangler runs.
  const { CLOUDFLARE_API_TOKEN: CLOUDFLARE_API_KEY, ...account } = cloudflare.environment;
  const withKey = { ...account, CLOUDFLARE_API_KEY, CLOUDFLARE_EMAIL: "somebody@example.com" };
  const child = spawn(process.execPath, ["src/cli/deploy.ts"], {
    cwd: root,
    env: { ...process.env, ...environment(), ...withKey, CLOUDFLARE_API_TOKEN: undefined },
    stdio: "ignore",
  });
  await hanging;
  expect(running().some((line) => line.includes("whoami"))).toBe(true);
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  expect(code).toBe(143);
  await vi.waitFor(() => expect(running()).toEqual([]), { timeout: 60_000 });
});

it("is ended however many of it run, and nothing follows upon what was cut short", async () => {
  const runs = new WranglerRuns(environment());
  let ended = 0;
  for (const name of ["one", "two", "three"]) void runs.run(["queues", "info", name]).finally(() => (ended += 1));
  expect(running()).not.toEqual([]);
  await runs.stop();
  await vi.waitFor(() => expect(running()).toEqual([]), { timeout: 60_000 });
  expect(ended).toBe(0);
});
