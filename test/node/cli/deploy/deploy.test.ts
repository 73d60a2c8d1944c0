import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfiguration } from "../../../../src/cli/deploy/configuration.ts";
import type { Wrangler } from "../../../../src/cli/deploy/context.ts";
import { addressOf } from "../../../../src/cli/deploy/deploy.ts";
import { expectedMigrations } from "../../../../src/store/migrations.ts";
import { ACCOUNT, TOKEN } from "../../support/cloudflare-server/cloudflare-server.ts";
import { PlayedWrangler } from "./played-wrangler.ts";
import { Scene, queues } from "./scene.ts";

const created = [
  ...queues.map((queue) => `create queue ${queue} in eu`),
  "create database qonto-relay in eu",
  ...expectedMigrations.map((migration) => `migrate ${migration}`),
];
const joined = [
  "upload qonto-relay",
  "enable workers.dev",
  "schedule * * * * *",
  ...queues.map((queue) => `consume ${queue} by qonto-relay`),
];

let scene: Scene;

beforeEach(() => {
  scene = new Scene();
});

afterEach(() => scene.stop());

async function tables(): Promise<unknown> {
  const rows = await scene.cloudflare.account().database("qonto-relay")?.query("SELECT name FROM sqlite_schema");
  return rows?.flat();
}

describe("npm run deploy on an empty account", () => {
  it("names the account first, creates everything in the EU, migrates, and joins queues, cron and address", async () => {
    const { code, stdout, stderr, changes } = await scene.deploy();
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toBe(`Account: ${scene.cloudflare.account().name} (${ACCOUNT})`);
    expect(changes.slice(0, created.length)).toEqual(created);
    expect(changes.slice(created.length).toSorted()).toEqual(joined.toSorted());
    expect(stdout).toContain("https://qonto-relay.test.workers.dev/webhooks/qonto");
    expect(scene.cloudflare.unknown).toEqual([]);
  });

  it("replaces the Worker in a second run, and changes nothing else", async () => {
    await scene.deploy();
    const { code, stderr, stdout, changes } = await scene.deploy();
    expect([code, stderr]).toEqual([0, ""]);
    expect(changes).toEqual(["upload qonto-relay", "deploy qonto-relay"]);
    expect(stdout).not.toContain("Made for this relay");
  });

  it("with --dry-run says what it would do and changes nothing, not even the list of migrations", async () => {
    scene.cloudflare.addDatabase("qonto-relay", "eu");
    scene.cloudflare.addQueue("qonto-relay-retries", "eu");
    const { code, stdout, stderr, changes } = await scene.deploy(["--dry-run"]);
    expect(stdout.split("\n").filter((line) => line.startsWith("Would"))).toEqual([
      "Would create the queue qonto-relay-events, jurisdiction eu.",
      "Would create the queue qonto-relay-dead-letters, jurisdiction eu.",
      ...expectedMigrations.map((migration) => `Would apply ${migration}.`),
      "Would make ADMIN_TOKEN.",
      "Would make ENCRYPTION_KEYS.",
      "Would deploy the Worker.",
    ]);
    expect([code, stderr, changes]).toEqual([0, "", []]);
    expect(await tables()).toEqual([]);
  });

  it("finds resources on the second page of a list", async () => {
    for (let index = 0; index < 5; index += 1) scene.cloudflare.addQueue(`other-${index}`);
    await scene.deploy();
    scene.cloudflare.pageSize = 2;
    expect((await scene.deploy()).changes).toEqual(["upload qonto-relay", "deploy qonto-relay"]);
  });
});

describe("before any change", () => {
  const refused = async (...programArguments: string[]) => {
    const { code, stderr, changes } = await scene.deploy(programArguments);
    expect([code, changes]).toEqual([1, []]);
    return stderr;
  };

  it.each([["--dry-run"], []])("a missing workers.dev subdomain is refused (%s)", async (...programArguments) => {
    scene.cloudflare.account().subdomain = null;
    expect(await refused(...programArguments)).toMatch(
      new RegExp(
        `^The account has no workers\\.dev subdomain\\. .*https://dash\\.cloudflare\\.com/${ACCOUNT}/workers/onboarding`,
      ),
    );
  });

  it("a Worker with routes needs no workers.dev subdomain", async () => {
    scene.cloudflare.account().subdomain = null;
    const configuration = { ...(await readConfiguration()), isOnWorkersDev: false };
    expect(await scene.deploy(["--dry-run"], { configuration })).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([
    [{ d1: "none", queues: "none" }, "D1:Edit, Queues:Edit"],
    [{ d1: "read" }, "D1:Edit"],
    [{ queues: "read" }, "Queues:Edit"],
    [{ workers_scripts: "read" }, "Workers Scripts:Edit"],
    [
      { workers_scripts: "read", d1: "read", queues: "read", account_settings: "none" },
      "Workers Scripts:Edit, D1:Edit, Queues:Edit",
    ],
  ] as const)("missing permissions of the token are named: %o", async (permissions, lacks) => {
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT], ...permissions });
    for (const mode of [["--dry-run"], []]) {
      const stderr = await refused(...mode);
      expect(stderr).toContain(`The token lacks ${lacks} in the account ${ACCOUNT}.`);
      expect(stderr).not.toContain(" at ");
      expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(3);
    }
  });

  it("the permissions in the README are enough", async () => {
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT], hasUser: false, account_settings: "read" });
    expect(await scene.deploy()).toMatchObject({ code: 0, stderr: "" });
  });

  it("a token that may not read the account's name is enough", async () => {
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT], account_settings: "none" });
    const { code, stdout } = await scene.deploy();
    expect([code, stdout.split("\n")[0]]).toEqual([0, `Account: ${ACCOUNT}`]);
  });

  it("an unknown token is told apart from one that lacks permissions", async () => {
    const { code, stderr } = await scene.deploy([], { env: { CLOUDFLARE_API_TOKEN: "unknown" } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Cloudflare does not accept the token: /)]);
  });

  it("a run without credentials asks for a login", async () => {
    const { code, stdout, stderr } = await scene.deploy([], { env: { CLOUDFLARE_API_TOKEN: "" } });
    expect(stderr).toMatch(/^Nobody is logged in to Cloudflare\.\nLog in with `npx wrangler login`, /);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it("a database in another jurisdiction is refused", async () => {
    scene.cloudflare.addDatabase("qonto-relay", "us");
    expect(await refused()).toMatch(
      /^The database qonto-relay is in the jurisdiction us, not in eu, and cannot be moved\. /,
    );
    expect(await tables()).toEqual([]);
  });

  it("a database that was deleted under the Worker is refused with a remedy: no empty one takes its place", async () => {
    await scene.deploy();
    scene.cloudflare.account().databases.delete("qonto-relay");
    expect(await refused()).toMatch(/^The Worker qonto-relay is bound to another database .*`npx wrangler delete`/);
    scene.cloudflare.account().scripts.delete("qonto-relay");
    for (const queue of scene.cloudflare.account().queues.values()) queue.consumers.length = 0;
    expect(await scene.deploy()).toMatchObject({ code: 0, stderr: "" });
  });

  it("queues of two jurisdictions, of a relay that has events, are refused with a remedy that works", async () => {
    await scene.deploy();
    const { queues: all } = scene.cloudflare.account();
    for (const queue of queues.slice(1)) {
      all.delete(queue);
      scene.cloudflare.addQueue(queue);
    }
    const stderr = await refused();
    expect(stderr).toMatch(
      /^Queues that are not in eu: qonto-relay-retries \(no jurisdiction\), .*They cannot be moved\./,
    );
    for (const [, queue = ""] of stderr.matchAll(/npx wrangler queues delete (\S+)`/g)) all.delete(queue);
    expect(await scene.deploy()).toMatchObject({ code: 0, stderr: "" });
    expect([...all.values()].map(({ jurisdiction }) => jurisdiction)).toEqual(["eu", "eu", "eu"]);
  });

  it("a database that wrangler.toml names and the account does not have is refused", async () => {
    const configuration = await readConfiguration();
    const database = { ...configuration.database, databaseId: "of-another-account" };
    const { code, stderr, changes } = await scene.deploy([], { configuration: { ...configuration, database } });
    expect([code, changes]).toEqual([1, []]);
    expect(stderr).toContain("Take `database_id` out");
  });

  it("an account that the token does not reach is told apart from permissions", async () => {
    const { stderr } = await scene.deploy([], { env: { CLOUDFLARE_ACCOUNT_ID: "mistyped" } });
    expect(stderr).toMatch(/^The token does not reach the account mistyped: .*CLOUDFLARE_ACCOUNT_ID\./);
  });

  it("the keys of a deleted Worker are asked for: new ones would decrypt nothing", async () => {
    await scene.deploy();
    const account = scene.cloudflare.account();
    account.scripts.delete("qonto-relay");
    for (const queue of account.queues.values()) queue.consumers.length = 0;
    const database = account.database("qonto-relay");
    await database?.query("DROP TABLE destinations");
    await database?.query("CREATE TABLE destinations (id TEXT); INSERT INTO destinations VALUES (1)");
    for (const mode of [["--dry-run"], []]) {
      expect(await refused(...mode)).toMatch(
        /^The database holds destinations whose secrets earlier keys have encrypted/,
      );
    }
    // The admin token opens the API: it is a key of the database only without ENCRYPTION_KEYS.
    expect((await scene.deploy([], { env: { ADMIN_TOKEN: "a".repeat(32) } })).code).toBe(1);
    scene.cloudflare.fail({ path: /query$/, times: Infinity }, "garbage");
    expect(await refused()).toMatch(/^(D1 could not be looked up|Whether the database holds destinations)/);
    scene.cloudflare.heal();
    const env = { ENCRYPTION_KEYS: "the-key-that-was-there-before" };
    expect(await scene.deploy([], { env })).toMatchObject({ code: 0, stderr: "" });
  });

  it("two credentials are refused: one would be checked, and the other would deploy", async () => {
    const env = { CLOUDFLARE_API_KEY: "key", CLOUDFLARE_EMAIL: "ada@example.com" };
    expect(await scene.deploy([], { env })).toMatchObject({ code: 2, changes: [] });
  });

  it.each(["dry_run", "status", "temporary", "secrets_file"])(
    "an option that npm kept for itself is refused: %s",
    async (name) => {
      const { code, stderr, changes } = await scene.deploy([], { env: { [`npm_config_${name}`]: "true" } });
      expect([code, changes]).toEqual([2, []]);
      expect(stderr).toContain(`npm run deploy -- --${name.replace("_", "-")}`);
    },
  );

  it("unknown options are refused", async () => {
    const { code, stderr } = await scene.deploy(["--env", "staging"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^Unknown option '--env'/)]);
  });
});

describe("several accounts", () => {
  const other = "b".repeat(32);

  beforeEach(() => {
    scene.cloudflare.addAccount(other, { name: "Second", subdomain: "second" });
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT, other] });
  });

  it("are listed without a terminal", async () => {
    const { code, stderr, changes } = await scene.deploy([], { env: { CLOUDFLARE_ACCOUNT_ID: "" } });
    expect([code, changes]).toEqual([1, []]);
    expect(stderr).toContain(`Second (${other})`);
    expect(stderr).toContain("CLOUDFLARE_ACCOUNT_ID");
  });

  it("are a question at a terminal", async () => {
    const questions = { ask: async () => "2", askSecret: async () => "" };
    const { code, stdout } = await scene.deploy([], { env: { CLOUDFLARE_ACCOUNT_ID: "" }, questions });
    expect([code, stdout.split("\n")[0]]).toEqual([0, `Account: Second (${other})`]);
    expect(scene.cloudflare.account(other).scripts.has("qonto-relay")).toBe(true);
    expect(scene.cloudflare.account().scripts.has("qonto-relay")).toBe(false);
  });
});

describe("secrets", () => {
  const long = "a-token-of-more-than-thirty-two-characters";

  it("are made, shown once, and set with the first deployment", async () => {
    const { stdout } = await scene.deploy();
    const [, token] = /ADMIN_TOKEN=(\S{32,})/.exec(stdout) ?? [];
    expect(scene.secrets()).toMatchObject({
      ADMIN_TOKEN: token,
      ENCRYPTION_KEYS: expect.stringMatching(/^\S{32,}$/),
    });
    expect(stdout).toMatch(/503:\n +npx wrangler secret put QONTO_WEBHOOK_SECRETS/);
  });

  it("are taken from the environment where they are missing, and left as they are where they are set", async () => {
    const env = { ADMIN_TOKEN: long, ENCRYPTION_KEYS: "key", QONTO_WEBHOOK_SECRETS: "one,two" };
    const { stdout } = await scene.deploy(["--yes"], { env });
    expect(stdout).not.toContain("Made for this relay");
    expect(scene.secrets()).toEqual(env);
    await scene.deploy(["--yes"], { env: { ...env, ADMIN_TOKEN: `${long}-2`, QONTO_ONBOARDING_SECRETS: "three" } });
    expect(scene.secrets()).toEqual({ ...env, QONTO_ONBOARDING_SECRETS: "three" });
  });

  it("of a subscription are not asked for, nor missed, where the relay is an application of Qonto's", async () => {
    const application = {
      QONTO_CLIENT_ID: "client",
      QONTO_CLIENT_SECRET: "client-secret",
      QONTO_STAGING_TOKEN: "staging",
    };
    const asked: string[] = [];
    const questions = { ask: async () => "", askSecret: async (question: string) => (asked.push(question), "") };
    const { code, stdout } = await scene.deploy([], { questions, env: application });
    expect(code).toBe(0);
    expect(scene.secrets()).toMatchObject(application);
    expect(asked.map((question) => question.split(" ")[0])).toEqual(["ADMIN_TOKEN", "ENCRYPTION_KEYS"]);
    expect(stdout).not.toContain("are refused with 503");
    expect(stdout).toMatch(/Secrets that you may set:\n +npx wrangler secret put QONTO_WEBHOOK_SECRETS/);
  });

  it("are asked for at a terminal, again when the relay would ignore one", async () => {
    const answers = ["short", long, "", "business-secret"];
    const questions = { ask: async () => "", askSecret: async () => answers.shift() ?? "" };
    const { code, stdout } = await scene.deploy([], { questions });
    expect(code).toBe(0);
    expect(stdout).toContain("ADMIN_TOKEN is too short");
    expect(scene.secrets()).toMatchObject({
      ADMIN_TOKEN: long,
      QONTO_WEBHOOK_SECRETS: "business-secret",
    });
    expect(stdout).toContain("ENCRYPTION_KEYS=");
    expect(stdout).not.toContain(long);
  });

  it.each([
    [{ ADMIN_TOKEN: "local-admin-token" }, "ADMIN_TOKEN"],
    [{ ADMIN_TOKEN: "a" }, "ADMIN_TOKEN is too short"],
    [{ QONTO_WEBHOOK_SECRETS: "local-business-secret" }, "begins with local-"],
  ])("that the relay would ignore are refused before any change: %o", async (env, says) => {
    const { code, stderr, changes } = await scene.deploy([], { env });
    expect([code, changes]).toEqual([2, []]);
    expect(stderr).toContain(says);
  });

  describe("in a file", () => {
    let directory: string;

    beforeEach(() => {
      directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-secrets-"));
    });

    afterEach(() => rmSync(directory, { recursive: true, force: true }));

    const write = (text: string) => {
      const file = path.join(directory, "secrets");
      writeFileSync(file, text);
      return ["--secrets-file", file];
    };

    it.each([
      `ADMIN_TOKEN='${long}'\nQONTO_WEBHOOK_SECRETS=$HOME\n`,
      JSON.stringify({ ADMIN_TOKEN: long, QONTO_WEBHOOK_SECRETS: "$HOME" }),
    ])("are set as they are written, and replace others", async (text) => {
      await scene.deploy();
      const { code } = await scene.deploy(write(text));
      expect(code).toBe(0);
      expect(scene.secrets()).toMatchObject({
        ADMIN_TOKEN: long,
        QONTO_WEBHOOK_SECRETS: "$HOME",
      });
    });

    it.each(["", "hello world\n", "ADMIN_TOKEN: in another form\n", "ADMIN_TOKEN=\n", "{}", "[1]"])(
      "are refused where there are none: %j",
      async (text) => {
        expect(await scene.deploy(write(text))).toMatchObject({ code: 2, changes: [] });
      },
    );

    it("are read behind a byte-order mark", async () => {
      expect(await scene.deploy(write(`\uFEFFADMIN_TOKEN=${long}\n`))).toMatchObject({ code: 0, stderr: "" });
      expect(scene.secrets()["ADMIN_TOKEN"]).toBe(long);
    });

    it("say what they take the place of", async () => {
      await scene.deploy();
      const { stdout } = await scene.deploy(write("ENCRYPTION_KEYS=another-key\n"));
      expect(stdout).toContain(
        "Takes ENCRYPTION_KEYS from the file, in place of the one that is set: without the keys",
      );
    });

    it("are refused when a value is not read as it is written", async () => {
      const { code, stderr, changes } = await scene.deploy(write("QONTO_WEBHOOK_SECRETS=abc#def\n"));
      expect([code, changes]).toEqual([2, []]);
      expect(stderr).toMatch(/^QONTO_WEBHOOK_SECRETS in .* is cut at its #/);
    });

    it("are refused when they are for a developer's machine", async () => {
      const { code, stderr, changes } = await scene.deploy(write("ALLOW_PRIVATE_DESTINATIONS=true\n"));
      expect([code, changes]).toEqual([2, []]);
      expect(stderr).toContain("ALLOW_PRIVATE_DESTINATIONS");
      expect((await scene.deploy(write("ADMIN_TOKEN=local-admin-token\n"))).code).toBe(2);
    });
  });
});

describe("a relay that the button has deployed", () => {
  const deployPlainly = async (secrets: object) => {
    const { environment, fetch } = scene.cloudflare;
    const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-plain-"));
    const file = path.join(directory, "secrets.json");
    writeFileSync(file, JSON.stringify(secrets));
    const { succeeded } = await new PlayedWrangler({ environment, fetch }).run(["deploy", "--secrets-file", file]);
    rmSync(directory, { recursive: true, force: true });
    expect(succeeded).toBe(true);
  };
  const jurisdictions = () => [...scene.cloudflare.account().queues.values()].map(({ jurisdiction }) => jurisdiction);

  it("is repaired: empty queues are created again in the EU, and the schema is applied", async () => {
    await deployPlainly({ ADMIN_TOKEN: "a".repeat(32), QONTO_WEBHOOK_SECRETS: "secret" });
    expect(jurisdictions()).toEqual([undefined, undefined, undefined]);
    const { code, stderr, changes } = await scene.deploy();
    expect([code, stderr]).toEqual([0, ""]);
    expect(jurisdictions()).toEqual(["eu", "eu", "eu"]);
    expect(changes).toContain("migrate 0001_schema.sql");
    expect(await scene.deploy(["--status"])).toMatchObject({ code: 0, stderr: "" });
  });

  it("keeps a queue that is not empty: it may hold an event that D1 was late for", async () => {
    await deployPlainly({ QONTO_WEBHOOK_SECRETS: "secret" });
    const queue = scene.cloudflare.account().queues.get("qonto-relay-events");
    if (queue !== undefined) queue.backlog = 1;
    const { code, stdout, changes } = await scene.deploy();
    expect(code).toBe(0);
    expect(changes.filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(stdout).toContain("Queues that are not in eu: qonto-relay-events (no jurisdiction)");
  });

  it("keeps a queue that another Worker uses", async () => {
    await deployPlainly({ ADMIN_TOKEN: "a".repeat(32) });
    const queue = scene.cloudflare.account().queues.get("qonto-relay-events");
    const [own] = queue?.consumers ?? [];
    queue?.consumers.splice(0, 1, { ...Object(own), script: "another" });
    const { code, stderr, changes } = await scene.deploy();
    expect(code).toBe(1);
    expect(changes.filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(stderr).toContain("The queue qonto-relay-events is consumed by another");
  });

  it("has a --status that says that a deployment repairs it", async () => {
    await deployPlainly({ ADMIN_TOKEN: "a".repeat(32) });
    const { code, stdout } = await scene.deploy(["--status"]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining("They hold nothing yet: `npm run deploy` creates them again."),
    ]);
  });

  it("keeps queues of unknown backlog, if Qonto's secrets are set", async () => {
    await deployPlainly({ QONTO_WEBHOOK_SECRETS: "secret" });
    scene.cloudflare.fail({ path: /metrics$/, times: Infinity }, "refused_before");
    const { code, stdout, changes } = await scene.deploy();
    expect(code).toBe(0);
    expect(changes.filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(stdout).toContain("They cannot be moved.");
  });

  it("keeps a queue that was filled while the Worker was built", async () => {
    await deployPlainly({ QONTO_WEBHOOK_SECRETS: "secret" });
    const queue = scene.cloudflare.account().queues.get("qonto-relay-events");
    const questions = {
      ask: async () => "",
      askSecret: async () => {
        if (queue !== undefined) queue.backlog = 1;
        return "";
      },
    };
    const { code, stderr, changes } = await scene.deploy([], { questions });
    expect([code, changes]).toEqual([1, []]);
    expect(stderr).toContain("They cannot be moved.");
  });

  it("keeps its queues once it has its tables", async () => {
    await scene.deploy();
    for (const queue of queues) {
      scene.cloudflare.account().queues.delete(queue);
      scene.cloudflare.addQueue(queue);
    }
    const { code, stdout, stderr, changes } = await scene.deploy();
    expect([code, stderr]).toEqual([0, ""]);
    expect(changes.filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(stdout).toContain("They cannot be moved.");
  });
});

describe("a Workers Build, whose token may deploy a Worker only", () => {
  const wrangler = {
    commands: [] as string[],
    run: async (command: readonly string[]) => {
      wrangler.commands.push(command.join(" "));
      return { succeeded: true, stdout: "", output: "" };
    },
  };

  beforeEach(() => {
    wrangler.commands.length = 0;
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT], d1: "none", queues: "none" });
  });

  it("deploys the Worker and says what is left to do", async () => {
    const configuration = await readConfiguration();
    const database = { ...configuration.database, databaseId: "made-by-the-button" };
    const { code, stdout, stderr } = await scene.deploy([], {
      env: { WORKERS_CI: "1" },
      configuration: { ...configuration, database },
      wrangler,
    });
    expect([code, stderr, wrangler.commands]).toEqual([0, "", ["deploy"]]);
    expect(stdout).toContain("lacks D1:Edit and Queues:Edit");
    expect(stdout).toContain("run `npm run deploy` once from your machine");
  });

  it("deploys nothing with --dry-run", async () => {
    const configuration = await readConfiguration();
    const database = { ...configuration.database, databaseId: "made-by-the-button" };
    const options = { env: { WORKERS_CI: "1" }, configuration: { ...configuration, database }, wrangler };
    const { code, stdout } = await scene.deploy(["--dry-run"], options);
    expect([code, wrangler.commands]).toEqual([0, ["deploy --dry-run"]]);
    expect(stdout).toContain("the Worker alone would be deployed");
  });

  it("is refused without a database id: wrangler could not create the database either", async () => {
    const { code, stderr } = await scene.deploy([], { env: { WORKERS_CI: "1" }, wrangler });
    expect([code, wrangler.commands]).toEqual([1, []]);
    expect(stderr).toContain("The token lacks D1:Edit, Queues:Edit");
  });
});

describe("--status", () => {
  it("shows all parts of a deployment", async () => {
    await scene.deploy();
    const { code, stdout, stderr, changes } = await scene.deploy(["--status"]);
    expect([code, stderr, changes]).toEqual([0, "", []]);
    for (const fact of [
      "Version ",
      `Schema      ${expectedMigrations.at(-1)}`,
      "qonto-relay-retries (eu)",
      "ADMIN_TOKEN",
      "* * * * *",
      "Last event  none",
    ]) {
      expect(stdout).toContain(fact);
    }
  });

  it("says that nothing is deployed", async () => {
    const { code, stderr } = await scene.deploy(["--status"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Nothing is deployed\./)]);
  });

  it("fails after a queue was created again by hand: the Worker writes to the old one", async () => {
    await scene.deploy();
    scene.cloudflare.account().queues.delete("qonto-relay-retries");
    scene.cloudflare.addQueue("qonto-relay-retries", "eu");
    const { code, stderr } = await scene.deploy(["--status"]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      "without a producer of the queue qonto-relay-retries, a consumer of the queue qonto-relay-retries.",
    );
    expect(await scene.deploy()).toMatchObject({ code: 0, stderr: "" });
    expect(await scene.deploy(["--status"])).toMatchObject({ code: 0, stderr: "" });
  });

  it("has a deployment say when the schema is newer than the Worker", async () => {
    await scene.deploy();
    const database = scene.cloudflare.account().database("qonto-relay");
    await database?.query("INSERT INTO d1_migrations (name) VALUES ('0002_later.sql')");
    const { code, stdout } = await scene.deploy();
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining("The database has migrations of a later version: 0002_later.sql."),
    ]);
  });

  it("fails for a database that is not in the EU", async () => {
    await scene.deploy();
    const { databases } = scene.cloudflare.account();
    const database = databases.get("qonto-relay");
    if (database !== undefined) Object.assign(database, { jurisdiction: undefined });
    const { code, stdout, stderr } = await scene.deploy(["--status"]);
    expect(stdout).toContain("qonto-relay (no jurisdiction)");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^The database qonto-relay is in no jurisdiction, not in eu/),
    ]);
  });

  it("fails when another Worker consumes a queue", async () => {
    await scene.deploy();
    const queue = scene.cloudflare.account().queues.get("qonto-relay-events");
    const [own] = queue?.consumers ?? [];
    queue?.consumers.splice(0, 1, { ...Object(own), script: "another" });
    const { stderr } = await scene.deploy(["--status"]);
    expect(stderr).toContain("The queue qonto-relay-events is consumed by another");
  });
});

describe("a temporary account", () => {
  it("is deployed to without a login, and can be claimed", async () => {
    const env = { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "" };
    const { code, stdout, stderr } = await scene.deploy(["--temporary"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("https://www.cloudflare.com/terms/");
    expect(stdout).toMatch(/Claim it before 2\d{3}-\S+ at https:\/\//);
    expect(stdout).toContain("QONTO_WEBHOOK_SECRETS=… npm run deploy -- --temporary");
  });

  it("is not made by --dry-run or --status", async () => {
    const env = { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "" };
    for (const mode of ["--dry-run", "--status"]) {
      expect(await scene.deploy(["--temporary", mode], { env })).toMatchObject({ code: 2, changes: [] });
    }
  });

  it("is refused when a token is set", async () => {
    expect(await scene.deploy(["--temporary"])).toMatchObject({ code: 2, changes: [] });
  });

  it("is not made before its terms are accepted", async () => {
    const env = { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "" };
    const questions = { ask: async () => "no", askSecret: async () => "" };
    expect(await scene.deploy(["--temporary"], { env, questions })).toMatchObject({ code: 1, changes: [] });
  });
});

describe("the printed address", () => {
  it("is a custom domain before one under workers.dev", () => {
    const targets = ["https://qonto-relay.test.workers.dev", "schedule: * * * * *"];
    expect(addressOf(targets)).toBe("https://qonto-relay.test.workers.dev");
    expect(addressOf([...targets, "relay.example.com (custom domain - zone name: example.com)"])).toBe(
      "https://relay.example.com",
    );
    expect(addressOf(["example.com/* (zone name: example.com)"])).toBeUndefined();
  });

  it("is the one under workers.dev when wrangler leaves no record", async () => {
    const { environment, fetch } = scene.cloudflare;
    const played = new PlayedWrangler({ environment, fetch });
    const wrangler: Wrangler = {
      run: (command, { WRANGLER_OUTPUT_FILE_PATH: _record, ...others } = {}) => played.run(command, others),
    };
    const { code, stdout } = await scene.deploy([], { wrangler });
    expect(code).toBe(0);
    expect(stdout).toContain("create --url https://qonto-relay.test.workers.dev/webhooks/qonto --all-types");
  });
});
