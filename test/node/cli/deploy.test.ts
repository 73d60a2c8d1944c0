import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextCommands } from "../../../src/cli/deploy/next-steps.ts";
import { CloudflareServer } from "../support/cloudflare-server.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = path.join(root, "src", "cli", "deploy.ts");
const migrations = readdirSync(path.join(root, "migrations")).toSorted();
const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];

let cloudflare: CloudflareServer;
let home: string;

beforeEach(async () => {
  cloudflare = await CloudflareServer.start();
  home = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-home-"));
});

afterEach(async () => {
  await cloudflare.stop();
  rmSync(home, { recursive: true, force: true });
});

/** `npm run deploy`, as somebody who has nothing at home that wrangler could read. */
function start(
  programArguments: readonly string[],
  environment: Readonly<Record<string, string>>,
): ChildProcessWithoutNullStreams {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CLOUDFLARE|CF|WRANGLER|FORCE_COLOR)/.test(name));
  return spawn(process.execPath, [program, ...programArguments], {
    env: { ...Object.fromEntries(inherited), HOME: home, XDG_CONFIG_HOME: home, ...environment },
  });
}

async function deploy(programArguments: readonly string[] = [], environment = cloudflare.environment) {
  cloudflare.changes.length = 0;
  const child = start(programArguments, environment);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => (stdout += String(text)));
  child.stderr.on("data", (text) => (stderr += String(text)));
  const [code] = await once(child, "close");
  expect(cloudflare.unknown).toEqual([]);
  return { code, stdout, stderr, changes: [...cloudflare.changes] };
}

describe("npm run deploy", () => {
  it("creates all in the EU, migrates, then deploys; goes on where it stopped; the third time only deploys", async () => {
    const config = readFileSync(path.join(root, "wrangler.toml"), "utf8");
    const [first = "", ...later] = migrations;

    cloudflare.failingSql = later[0];
    const failed = await deploy();
    expect(failed.changes).toEqual([
      ...queues.map((queue) => `create queue ${queue} in eu`),
      "create database qonto-relay in eu",
      `migrate ${first}`,
    ]);
    expect(failed.stderr).toMatch(/^The migrations could not be applied; nothing was deployed\.\n/);
    expect(failed.stderr).toContain("It was made to fail");
    expect(failed.code).toBe(1);

    cloudflare.failingSql = undefined;
    const second = await deploy();
    expect(second.stderr).toBe("");
    expect(second.changes).toEqual([...later.map((name) => `migrate ${name}`), "upload qonto-relay"]);
    expect(second.stdout.match(/secret put \w+/g)).toEqual([
      "secret put QONTO_WEBHOOK_SECRETS",
      "secret put ADMIN_TOKEN",
      "secret put QONTO_ONBOARDING_SECRETS",
      "secret put ENCRYPTION_KEYS",
    ]);
    expect(second.stdout).toContain("https://qonto-relay.test.workers.dev/webhooks/qonto");
    expect(second.code).toBe(0);
    const consumers = [...cloudflare.queues.values()].map(({ consumers }) => consumers.map(({ script }) => script));
    expect(consumers).toEqual(queues.map(() => ["qonto-relay"]));
    const database = cloudflare.databases.get("qonto-relay")?.sqlite;
    const { tables } = database?.prepare("SELECT json_group_array(name) AS tables FROM sqlite_schema").get() ?? {};
    expect(JSON.parse(String(tables))).toEqual(expect.arrayContaining(["events", "destinations", "deliveries"]));

    cloudflare.workers.set("qonto-relay", new Set(["QONTO_WEBHOOK_SECRETS", "ADMIN_TOKEN", "ENCRYPTION_KEYS"]));
    const third = await deploy();
    expect(third.changes).toEqual(["upload qonto-relay"]);
    expect(third.stdout.match(/secret put \w+/g)).toEqual(["secret put QONTO_ONBOARDING_SECRETS"]);
    expect(third.stdout).not.toContain("missing");
    expect(third.code).toBe(0);
    expect(readFileSync(path.join(root, "wrangler.toml"), "utf8")).toBe(config);
  }, 200_000);

  it("rehearsed, says what it would do and changes nothing", async () => {
    cloudflare.addQueue("qonto-relay-retries", undefined);
    const { code, stdout, stderr, changes } = await deploy(["--dry-run"]);
    expect(stdout.split("\n").filter((line) => line.startsWith("Would"))).toEqual([
      "Would create the queue qonto-relay-events, jurisdiction eu.",
      "Would create the queue qonto-relay-dead-letters, jurisdiction eu.",
      "Would create the database qonto-relay, jurisdiction eu.",
      ...migrations.map((name) => `Would apply ${name}.`),
      "Would deploy the Worker.",
    ]);
    expect(stdout).toContain("The queue qonto-relay-retries is not under the jurisdiction eu");
    expect(stdout).toContain("secret put ADMIN_TOKEN");
    expect([code, stderr, changes]).toEqual([0, "", []]);
  });

  it("says so in one sentence when nobody is logged in", async () => {
    const { CLOUDFLARE_API_TOKEN: _, ...withoutToken } = cloudflare.environment;
    const { code, stdout, stderr } = await deploy([], withoutToken);
    expect(stderr).toMatch(/^Nobody is logged in to Cloudflare\.\nLog in with `npx wrangler login`, .+\n$/);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it("refuses options that it does not know", async () => {
    const { code, stderr } = await deploy(["--env", "staging"]);
    expect(stderr).toMatch(/^Unknown option '--env'/);
    expect(code).toBe(2);
  });

  it("ends what it has started when it is ended", async () => {
    const hanging = cloudflare.hang();
    const child = start([], cloudflare.environment);
    await hanging;
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    expect(code).toBe(143);
    const ofThisHome = () =>
      execFileSync("ps", ["-eo", "args=", "e", "ww"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line.includes(home));
    await vi.waitFor(() => expect(ofThisHome()).toEqual([]), { timeout: 10_000 });
  });
});

describe("the address that is told", () => {
  it("is a domain of one's own rather than the one that Cloudflare lends", () => {
    const targets = ["https://qonto-relay.test.workers.dev", "schedule: * * * * *"];
    const told = (all: readonly string[]) => /--url (.+)/.exec(nextCommands(all))?.[1];
    expect(told(targets)).toBe("https://qonto-relay.test.workers.dev");
    expect(told([...targets, "relay.example.com (custom domain - zone name: example.com)"])).toBe(
      "https://relay.example.com",
    );
    expect(told(["example.com/* (zone name: example.com)"])).toBe("https://<its address>");
  });
});
