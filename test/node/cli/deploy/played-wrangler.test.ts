import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Run, Wrangler } from "../../../../src/cli/deploy/context.ts";
import { RealWrangler } from "../../../../src/cli/deploy/wrangler.ts";
import { ACCOUNT, CloudflareServer } from "../../support/cloudflare-server/cloudflare-server.ts";
import { PlayedWrangler } from "./played-wrangler.ts";

/** The played wrangler beside the pinned one, each with an emulation of its own. */

const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];

let directory: string;
let real: Side;
let played: Side;

interface Side {
  readonly cloudflare: CloudflareServer;
  readonly wrangler: Wrangler;
  readonly home: string;
}

beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-played-"));
  const ofThePerson = Object.keys(process.env).filter((name) => /^(CLOUDFLARE|CF|WRANGLER|FORCE_COLOR)/.test(name));
  for (const name of ofThePerson) vi.stubEnv(name, undefined);
  const homeOf = (name: string) => ({ HOME: path.join(directory, name), XDG_CONFIG_HOME: path.join(directory, name) });
  const [one, other] = [await CloudflareServer.start(), new CloudflareServer()];
  const { environment, fetch } = other;
  real = {
    cloudflare: one,
    // In a CI, wrangler hides the names of accounts; ci-info takes this as its word, whatever else the environment says.
    wrangler: new RealWrangler({ ...one.environment, ...homeOf("real"), CI: "false" }),
    home: homeOf("real").HOME,
  };
  played = {
    cloudflare: other,
    wrangler: new PlayedWrangler({ fetch, environment: { ...environment, ...homeOf("played") } }),
    home: homeOf("played").HOME,
  };
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const { cloudflare } of [real, played]) await cloudflare.stop();
  rmSync(directory, { recursive: true, force: true });
});

it("calls and prints what the pinned one does", async () => {
  const secrets = path.join(directory, "secrets");
  writeFileSync(secrets, "ADMIN_TOKEN=secret-of-test\n");
  for (const { cloudflare } of [real, played]) {
    for (const queue of queues) cloudflare.addQueue(queue, "eu");
    cloudflare.addDatabase("qonto-relay", "eu");
    cloudflare.addAccount("without-subdomain");
    cloudflare.addAccount("empty", { subdomain: "empty" });
    cloudflare.addToken("of-two", { accounts: [ACCOUNT, "empty"] });
    cloudflare.addToken("of-others", { accounts: ["empty", "without-subdomain"] });
  }
  const nobody = { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "" };
  const migrate = ["d1", "migrations", "apply", "DB", "--remote"];

  await expectSame(["auth", "token", "--json"], { succeeds: true });
  await expectSame(["d1", "list", "--json", "--temporary"], { succeeds: true, environment: nobody });
  expect(readRemembered(played)).toEqual(readRemembered(real));
  const several = { CLOUDFLARE_API_TOKEN: "of-two", CLOUDFLARE_ACCOUNT_ID: "" };
  await expectSame(migrate, { succeeds: false, environment: several });

  failBoth({ path: /qonto-relay$/ }, "reset");
  await expectSame(migrate, { succeeds: false });
  failBoth({ path: /query$/ }, "refused_before");
  await expectSame(migrate, { succeeds: false });
  await expectSame(migrate, { succeeds: true });
  await expectSame(["deploy", "--tag", "one", "--message", "The first", "--secrets-file", secrets], { succeeds: true });
  await expectSame(migrate, { succeeds: true });
  failBoth({ method: "PUT", path: /consumers/ }, "garbage");
  await expectSame(["deploy"], { succeeds: false });
  await expectSame(["deploy", "--tag", "two", "--message", "The second"], { succeeds: true });
  await expectSame(["deploy", "--dry-run"], { succeeds: true });

  const other = (account: string) => ({ CLOUDFLARE_API_TOKEN: "of-others", CLOUDFLARE_ACCOUNT_ID: account });
  await expectSame(["deploy"], { succeeds: false, environment: other("without-subdomain") });
  failBoth({ method: "PUT", path: /scripts/ }, "lost_after");
  await expectSame(["deploy"], { succeeds: true, environment: other("empty") });
  expect(real.cloudflare.unknown).toEqual([]);
}, 300_000);

it("is that of the login when the environment has no token", async () => {
  const { cloudflare } = played;
  cloudflare.addAccount("of-a-person", { subdomain: "person" });
  cloudflare.addToken("token-of-a-person", { accounts: ["of-a-person"] });
  const wrangler = new PlayedWrangler({ fetch: cloudflare.fetch, login: "token-of-a-person" });
  const said = await wrangler.run(["auth", "token", "--json"]);
  expect(JSON.parse(said.stdout)).toEqual({ type: "oauth", token: "token-of-a-person" });
  expect(await wrangler.run(["deploy"])).toMatchObject({ succeeded: true });
  expect(cloudflare.account("of-a-person").scripts.has("qonto-relay")).toBe(true);
  expect(wrangler.commands).toEqual(["auth token --json", "deploy"]);
  const nobody = await new PlayedWrangler({ fetch: cloudflare.fetch }).run(["auth", "token", "--json"]);
  expect(nobody).toMatchObject({ succeeded: false, stdout: "" });
});

it("is ended while it runs, and nothing follows", async () => {
  const { cloudflare } = played;
  const wrangler = new PlayedWrangler({ fetch: cloudflare.fetch, environment: cloudflare.environment });
  const { applied } = cloudflare.fail({ path: /services/ }, "hang");
  const ended = vi.fn();
  void wrangler.run(["deploy"]).finally(ended);
  await applied;
  wrangler.stop();
  // Were it to go on, or to say that it failed, it would have done so before this ends.
  await new PlayedWrangler({ fetch: cloudflare.fetch, environment: cloudflare.environment }).run(["deploy"]);
  expect(ended).not.toHaveBeenCalled();
  expect(cloudflare.calls.filter(({ path }) => path.includes("/services/"))).toHaveLength(2);
});

function failBoth(...failure: Parameters<CloudflareServer["fail"]>): void {
  for (const { cloudflare } of [real, played]) cloudflare.fail(...failure);
}

interface Expected {
  readonly succeeds: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

async function expectSame(command: readonly string[], { succeeds, environment = {} }: Expected): Promise<void> {
  const [one, other] = [await runOn(real, command, environment), await runOn(played, command, environment)];
  const name = command.join(" ");
  expect(one.run.succeeded, `${name}\n${one.run.output}`).toBe(succeeds);
  expect(other.run.succeeded, `${name}\n${other.run.output}`).toBe(succeeds);
  expect(other.calls, name).toEqual(one.calls);
  expect(other.changes, name).toEqual(one.changes);
  expect(other.states, name).toEqual(one.states);
  if (command.includes("--json")) expect(anyId(other.run.stdout), name).toEqual(anyId(one.run.stdout));
  expect(linesOf(one.run.stdout), name).toEqual(expect.arrayContaining(linesOf(other.run.stdout)));
  expect(linesOf(one.run.output), name).toEqual(expect.arrayContaining(linesOf(other.run.output)));
  for (const line of other.record) expect(one.record, name).toContainEqual(expect.objectContaining(line));
}

const recordLine = z.looseObject({
  type: z.string(),
  timestamp: z.string().transform((): unknown => expect.anything()),
  // Of a failure its first line.
  message: z.optional(z.string().transform((message) => message.split("\n")[0])),
});

let runs = 0;

async function runOn({ cloudflare, wrangler }: Side, command: readonly string[], environment: object) {
  const [before, changed] = [cloudflare.calls.length, cloudflare.changes.length];
  const file = path.join(directory, `record-${(runs += 1)}`);
  const run: Run = await wrangler.run(command, { ...environment, WRANGLER_OUTPUT_FILE_PATH: file });
  const calls = cloudflare.calls.slice(before);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return {
    run,
    calls: inOrder(
      calls.map(({ method, path, query, status }) => anyId(`${method} ${path} ${sorted(query)} ${status}`)),
    ),
    changes: cloudflare.changes.slice(changed).map(anyId).toSorted(),
    states: [...cloudflare.accounts.values()].map(stateOf),
    record: lines.map((line) => recordLine.parse(JSON.parse(anyId(line)))),
  };
}

/** Once the address is set, schedules and queues are side by side. */
function inOrder(calls: readonly string[]): string[] {
  const last = calls.findIndex((call) => /^POST .*\/subdomain /.test(call)) + 1;
  return last === 0 ? [...calls] : [...calls.slice(0, last), ...calls.slice(last).toSorted()];
}

const sorted = (query: string) => {
  const parameters = new URLSearchParams(query);
  parameters.sort();
  return parameters.toString();
};

const anyId = (text: string) =>
  text.replace(/[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|(?<=Temporary account )[0-9a-f]{8}/g, ":id");

const linesOf = (text: string) =>
  anyId(text)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** What an account has, but for its ids. */
function stateOf({ queues, databases, scripts, subdomain }: ReturnType<CloudflareServer["account"]>): unknown {
  const state = {
    subdomain: subdomain?.replace(/^temporary-.*/, "temporary"),
    queues: [...queues.values()].map(({ queue_name, jurisdiction, consumers }) => ({
      queue_name,
      jurisdiction,
      consumers: consumers.map((consumer) => ({ ...consumer, consumer_id: "", created_on: "" })),
    })),
    databases: [...databases.values()].map(({ name, jurisdiction }) => ({ name, jurisdiction })),
    scripts: [...scripts.values()].map(({ name, versions, schedules, subdomain, settings }) => ({
      name,
      versions: versions.map(({ annotations, bindings, compatibility_date, compatibility_flags, observability }) => ({
        annotations,
        bindings: bindings.toSorted((one, other) => one.name.localeCompare(other.name)),
        compatibility_date,
        compatibility_flags,
        observability,
      })),
      crons: schedules.map(({ cron }) => cron),
      subdomain,
      settings,
    })),
  };
  return JSON.parse(anyId(JSON.stringify(state)));
}

/** The names of what wrangler keeps of a temporary account. */
function readRemembered({ home }: Side): string[] {
  const text = readFileSync(path.join(home, ".wrangler", "wrangler-temporary-account.toml"), "utf8");
  return text.split("\n").map((line) => line.split(" = ")[0] ?? "");
}
