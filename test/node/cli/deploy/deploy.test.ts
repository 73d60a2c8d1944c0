import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { nextCommands } from "../../../../src/cli/deploy/next-steps.ts";
import { runDeploy } from "../../../../src/cli/deploy/run-deploy.ts";
import { FakeWrangler, migrations } from "./fake-wrangler.ts";

const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];
const withToken = { CLOUDFLARE_API_TOKEN: "token-of-test" };

/** `npm run deploy`, with what it changed. */
async function deploy(wrangler: FakeWrangler, programArguments: readonly string[] = [], env: object = withToken) {
  wrangler.changes.length = 0;
  const said = { stdout: "", stderr: "" };
  const listen = (name: "stdout" | "stderr") =>
    new Writable({
      decodeStrings: false,
      write: (text: string, _encoding, done) => {
        said[name] += text;
        done();
      },
    });
  const streams = { stdout: listen("stdout"), stderr: listen("stderr") };
  const code = await runDeploy(programArguments, { env: { ...env }, ...streams, wrangler });
  return { code, ...said, changes: [...wrangler.changes] };
}

describe("npm run deploy", () => {
  it("creates all in the EU and migrates; goes on where it stopped; the third time only deploys", async () => {
    const wrangler = new FakeWrangler();
    wrangler.failingMigration = migrations[0];
    const failed = await deploy(wrangler);
    expect(failed.changes).toEqual([
      ...queues.map((queue) => `create queue ${queue} in eu`),
      "create database qonto-relay in eu",
    ]);
    expect(failed.stderr).toMatch(/^The migrations could not be applied; nothing was deployed\.\n/);
    expect(failed.stderr).toContain("A request to the Cloudflare API failed.");
    expect(failed.code).toBe(1);

    wrangler.failingMigration = undefined;
    const second = await deploy(wrangler);
    expect(second.stderr).toBe("");
    expect(second.changes).toEqual([...migrations.map((name) => `migrate ${name}`), "upload qonto-relay"]);
    expect(second.stdout.match(/secret put \w+/g)).toEqual([
      "secret put QONTO_WEBHOOK_SECRETS",
      "secret put ADMIN_TOKEN",
      "secret put QONTO_ONBOARDING_SECRETS",
      "secret put ENCRYPTION_KEYS",
    ]);
    expect(second.stdout).toMatch(/secret put ADMIN_TOKEN .*32 characters or more/);
    expect(second.stdout).toContain("openssl rand -base64 32");
    expect(second.stdout).toContain("https://qonto-relay.test.workers.dev/webhooks/qonto");
    expect(second.code).toBe(0);

    wrangler.workers.set("qonto-relay", ["QONTO_WEBHOOK_SECRETS", "ADMIN_TOKEN", "ENCRYPTION_KEYS"]);
    const third = await deploy(wrangler);
    expect(third.changes).toEqual(["upload qonto-relay"]);
    expect(third.stdout.match(/secret put \w+/g)).toEqual(["secret put QONTO_ONBOARDING_SECRETS"]);
    expect(third.stdout).not.toContain("missing");
    expect(third.code).toBe(0);
  });

  it("rehearsed, says what it would do and changes nothing", async () => {
    const wrangler = new FakeWrangler();
    wrangler.queues.set("qonto-relay-retries", undefined);
    const { code, stdout, stderr, changes } = await deploy(wrangler, ["--dry-run"]);
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

  it("rehearsed over what is there, says only what that lacks", async () => {
    const wrangler = new FakeWrangler();
    for (const queue of queues) wrangler.queues.set(queue, "eu");
    wrangler.databases.set("qonto-relay", { jurisdiction: "eu", applied: [] });
    const { stdout, changes } = await deploy(wrangler, ["--dry-run"]);
    expect(stdout.split("\n").filter((line) => line.startsWith("Would"))).toEqual([
      ...migrations.map((name) => `Would apply ${name}.`),
      "Would deploy the Worker.",
    ]);
    expect(changes).toEqual([]);
  });

  it("says so in one sentence when nobody is logged in", async () => {
    const wrangler = new FakeWrangler();
    wrangler.isLoggedIn = false;
    const { code, stdout, stderr } = await deploy(wrangler, [], {});
    expect(stderr).toMatch(/^Nobody is logged in to Cloudflare\.\nLog in with `npx wrangler login`, .+\n$/);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it("needs no token when somebody is logged in", async () => {
    expect((await deploy(new FakeWrangler(), [], {})).code).toBe(0);
  });

  it("refuses options that it does not know", async () => {
    const { code, stderr } = await deploy(new FakeWrangler(), ["--env", "staging"]);
    expect(stderr).toMatch(/^Unknown option '--env'/);
    expect(code).toBe(2);
  });

  it("says how it is used when it is asked", async () => {
    const wrangler = new FakeWrangler();
    const { code, stdout, changes } = await deploy(wrangler, ["--help"]);
    expect([code, stdout, changes]).toEqual([0, expect.stringMatching(/^npm run deploy \[-- --dry-run\]\n/), []]);
  });
});

describe("the address that is told", () => {
  it("is a domain of one's own rather than the one that Cloudflare lends", () => {
    const targets = ["https://qonto-relay.test.workers.dev", "schedule: * * * * *"];
    const told = (all: readonly string[]) => /doctor --url (.+)/.exec(nextCommands(all))?.[1];
    expect(told(targets)).toBe("https://qonto-relay.test.workers.dev");
    expect(nextCommands(targets)).toContain(
      "subscriptions create --url https://qonto-relay.test.workers.dev/webhooks/qonto --all-types\n",
    );
    expect(told([...targets, "relay.example.com (custom domain - zone name: example.com)"])).toBe(
      "https://relay.example.com",
    );
    expect(told(["example.com/* (zone name: example.com)"])).toBe("https://<its address>");
  });
});
