import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { exampleEvent } from "../../../src/api/schemas/event.ts";
import { documentedProgram } from "../../../src/cli/command-line.ts";
import { type Around, QontoProgram, qonto } from "./qonto-program.ts";
import { NOBODY, ScriptedServer } from "./scripted-server.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-usage-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SECRET = "whsec_never_to_be_shown";
const TOKEN = { ADMIN_TOKEN: "token-never-to-be-shown" };
const vector = {
  header: "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805",
  body: '{"test":"data"}',
};

describe("wrong usage ends with 2 and a hint", () => {
  it.each<[string, string[], string, Record<string, string>?]>([
    ["an unknown command", ["destinatons"], "(Did you mean destinations?)"],
    ["an unknown command of a command", ["events", "lst"], "(Did you mean list?)"],
    ["a missing argument", ["events", "show"], "missing required argument 'id'"],
    ["a missing option", ["replay", "destination", "d1"], "'--since <time>' not specified"],
    ["an unknown option", ["events", "list", "--tpye", "a"], "(Did you mean --type?)"],
    ["an unknown option with a secret in it", ["send", "v1/cards", `--secrte=${SECRET}`], "unknown option '--secrte'"],
    ["a secret in a place of its own", ["verify", "--header", "a", "--body", "-", SECRET], "but got 1."],
    ["an option of no use", ["replay", "destination", "d1", "--since", "1h", "--which", "some"], "Allowed choices are"],
    ["a time that is none", ["events", "list", "--since", "yesterday"], "--since is no time.", TOKEN],
    ["a limit that is none", ["events", "list", "--limit", "0"], "--limit must be a whole number", TOKEN],
    [
      "a number that is none",
      ["destinations", "create", "https://a.example", "--timeout-ms", "long"],
      "--timeout-ms is no number",
      TOKEN,
    ],
    ["nothing to change", ["destinations", "update", "d1"], "What is to change?", TOKEN],
    ["an address that is none", ["events", "list", "--url", "relay.example.com"], "--url is no web address", TOKEN],
    ["a token that all could read", ["events", "list", "--url", "http://relay.example.com"], "Use https.", TOKEN],
    ["a token that cannot be one", ["events", "list"], "characters that no token has", { ADMIN_TOKEN: `${SECRET}\nx` }],
    ["no token", ["events", "list", "--url", "https://relay.example.com"], "ADMIN_TOKEN is not set."],
    ["no access token", ["subscriptions", "list"], "QONTO_ACCESS_TOKEN is not set."],
    [
      "no staging token",
      ["subscriptions", "list", "--sandbox"],
      "QONTO_STAGING_TOKEN is not set.",
      { QONTO_ACCESS_TOKEN: "a" },
    ],
    ["no partner", ["onboarding", "register", "--url", "https://a.example"], "QONTO_PARTNER_ID is not set."],
    ["no types", ["subscriptions", "create", "--url", "https://a.example"], "Give --types or --all-types."],
    [
      "types twice",
      ["subscriptions", "create", "--url", "https://a.example", "--types", "a", "--all-types"],
      "cannot be used with",
    ],
    [
      "an address that Qonto does not call",
      ["subscriptions", "create", "--url", "http://a.example", "--all-types"],
      "must be an https address",
    ],
    [
      "a secret that Qonto does not take",
      ["subscriptions", "create", "--url", "https://a.example", "--all-types", "--secret", SECRET],
      "32 to 128 characters",
      { QONTO_ACCESS_TOKEN: "a" },
    ],
    ["a type without a sample", ["send", "v1/nothing", "--secret", SECRET], "There is no sample of v1/nothing."],
    [
      "a count that is none",
      ["send", "v1/cards", "--count", "many"],
      "--count must be a whole number from 1 to 999999.",
    ],
    ["no secret to sign with", ["send", "v1/cards", "--to", "https://a.example"], "QONTO_WEBHOOK_SECRETS is not set."],
    [
      "a file that is not there",
      ["verify", "--header", "a", "--secret", SECRET, "--body", "no-such-file"],
      "no-such-file cannot be read (ENOENT).",
    ],
    [
      "no secret to verify with",
      ["verify", "--header", "a", "--body", "-"],
      "There is no secret to verify with.",
      { RELAY_URL: "https://a.example" },
    ],
  ])("%s", async (_what, commandLine, hint, environment = {}) => {
    const { code, stdout, stderr } = await qonto(commandLine, environment);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(hint);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr).not.toContain("never");
  });

  it("and so does no command at all, with the list of them", async () => {
    expect(await qonto([])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("subscriptions") });
  });
});

describe("help", () => {
  const leaves = (command: Command, path: readonly string[] = []): string[][] =>
    command.commands.length === 0
      ? [[...path]]
      : command.commands.flatMap((inner) => leaves(inner, [...path, inner.name()]));

  it.each(leaves(documentedProgram()).map((path) => path.join(" ")))(
    "of %s has an example that names it",
    async (name) => {
      const { code, stdout } = await qonto([...name.split(" "), "--help"]);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(new RegExp(`^Example.*npm run qonto -- ${name} `, "ms")),
      ]);
    },
  );
});

describe("a far side that fails ends a command with 1", () => {
  it.each<[string, { status: number; body: unknown }, string]>([
    [
      "a wrong token",
      { status: 401, body: { code: "unauthorized", detail: `No such token: ${TOKEN.ADMIN_TOKEN}` } },
      "No such token: [secret] (401 unauthorized, URL).\nSet ADMIN_TOKEN to the relay's own, or to the token that was made for you.\n",
    ],
    [
      "a token that may only read",
      { status: 403, body: { code: "forbidden", detail: "No." } },
      "No (403 forbidden, URL).\nSet ADMIN_TOKEN to a token that may do this.\n",
    ],
    [
      "a far side that writes control characters",
      { status: 400, body: { code: "invalid_request", detail: "\u001B[31mred\u202E" } },
      " [31mred  (400 invalid_request, URL).\n",
    ],
    [
      "something that is no relay",
      { status: 200, body: "<html>hello</html>" },
      "What answers there is not this relay (200 not_a_relay, URL).\nGive the relay's address with --url or RELAY_URL.\n",
    ],
  ])("%s", async (_what, answer, sentence) => {
    const server = await new ScriptedServer(() => answer).start();
    const { code, stdout, stderr } = await qonto(["events", "list", "--json", "--url", server.url], TOKEN);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: sentence.replace("URL", server.url) });
    await server.stop();
  });

  it("nobody there", async () => {
    const { code, stderr } = await qonto(["events", "list", "--url", "http://127.0.0.1:9"], TOKEN);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^The relay at http:\/\/127.0.0.1:9 does not answer: .*\.\nStart it/),
    ]);
  });

  it("a redirect, which is not followed: the token is not for the host that it leads to", async () => {
    const stranger = await new ScriptedServer().start();
    const server = await new ScriptedServer(() => ({ status: 307, headers: { location: stranger.url } })).start();
    expect((await qonto(["events", "list", "--url", server.url], TOKEN)).code).toBe(1);
    expect(stranger.received).toEqual([]);
    await Promise.all([server.stop(), stranger.stop()]);
  });
});

describe("send", () => {
  async function send(answer: ConstructorParameters<typeof ScriptedServer>[0], ...more: string[]) {
    const receiver = await new ScriptedServer(answer).start();
    const { code, stdout } = await qonto([
      "send",
      "v1/cards",
      "--to",
      `${receiver.url}/hook`,
      "--secret",
      SECRET,
      "--json",
      ...more,
    ]);
    await receiver.stop();
    return { code, received: receiver.received, answers: JSON.parse(stdout).answers };
  }

  it("takes an answer that does not come within Qonto's second for none", async () => {
    const second = new AbortController();
    const timeout = (ms: number) => {
      limits.push(ms);
      return second.signal;
    };
    const limits: number[] = [];
    const receiver = await new ScriptedServer(() => {
      second.abort(new DOMException("It is over", "TimeoutError"));
      return { hangs: true };
    }).start();
    const { code, stdout } = await qonto(
      ["send", "v1/cards", "--to", receiver.url, "--secret", SECRET, "--json"],
      {},
      { world: { timeout } },
    );
    await receiver.stop();
    expect(limits).toEqual([1_000]);
    expect([code, JSON.parse(stdout).answers]).toEqual([
      1,
      [
        expect.objectContaining({
          status: null,
          accepted: false,
          meaning: expect.stringContaining("no answer in time"),
        }),
      ],
    ]);
  });

  it("sends a file byte for byte", async () => {
    const file = path.join(directory, "body.json");
    writeFileSync(file, ' { "id" : "é" }\n');
    const { code, received, answers } = await send(() => ({}), "--file", file, "--timestamp", "2024-01-01T12:00:00Z");
    expect(received[0]?.body).toBe(' { "id" : "é" }\n');
    expect(received[0]?.headers["x-qonto-signature"]).toMatch(/^t=1704110400,v1=[0-9a-f]{64}$/);
    expect([code, answers[0].event_id]).toEqual([0, "é"]);
  });

  it("gives each event an id and a date of its own", async () => {
    const receiver = await new ScriptedServer().start();
    let nowMs = Date.parse("2026-01-31T12:00:00Z");
    const now = () => (nowMs += 500);
    const send = ["send", "v1/cards", "--to", receiver.url, "--secret", SECRET, "--count", "3"];
    await qonto(send, {}, { world: { now } });
    await receiver.stop();
    const events = receiver.received.map(({ body }) => JSON.parse(body));
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
    expect(events.map(({ created_at }) => created_at)).toEqual([
      "2026-01-31T12:00:00Z",
      "2026-01-31T12:00:01Z",
      "2026-01-31T12:00:02Z",
    ]);
  });

  it.each(["", "/", "//"])("goes to the webhook of a relay whose address ends in %j", async (end) => {
    const relay = await new ScriptedServer().start();
    await qonto(["send", "v1/cards", "--url", relay.url + end, "--secret", SECRET]);
    await relay.stop();
    expect(relay.received.map(({ path }) => path)).toEqual(["/webhooks/qonto"]);
  });

  it("shows no answer where there is none", async () => {
    const { stdout } = await qonto(["send", "v1/cards", "--to", NOBODY, "--secret", SECRET]);
    expect(stdout).toMatch(/ none +\d+ ms +–\nNo answer: nothing listens there\./);
  });

  it.each([
    [404, {}, "/webhooks/qonto"],
    [308, {}, "which Qonto does not follow"],
    [503, { code: "not_configured" }, "The relay has no secret for this system"],
    [500, {}, "Qonto would send it again later"],
  ])("says what a %d means", async (status, body, meaning) => {
    const { code, answers } = await send(() => ({ status, body }));
    expect([code, answers[0].meaning]).toEqual([1, expect.stringContaining(meaning)]);
  });
});

describe("verify", () => {
  const verify = (...more: string[]) => ["verify", "--header", vector.header, "--body", "-", ...more];

  it("ends with 0 when the signature matches, and says which secret fits", async () => {
    const { code, stdout } = await qonto(
      verify("--secret", `${SECRET},test-secret`, "--at", "2024-01-01T12:00:10Z"),
      {},
      { input: vector.body },
    );
    expect([code, stdout]).toEqual([0, "It matches (Business API, 10 s old). Secret 2 of 2 fits.\n"]);
  });

  it("leaves out empty secrets, which nothing can be signed with", async () => {
    const { code, stdout } = await qonto(
      verify("--secret", "", "--secret", `,${SECRET},,test-secret`, "--at", "2024-01-01T12:00:00Z"),
      {},
      { input: vector.body },
    );
    expect([code, stdout]).toEqual([0, "It matches (Business API, 0 s old). Secret 2 of 2 fits.\n"]);
  });

  it("ends with 1 when it does not, and is right but too old", async () => {
    const { code, stdout } = await qonto(
      verify("--secret", "test-secret", "--at", "2024-01-01T12:05:01Z", "--json"),
      {},
      { input: vector.body },
    );
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { matches: false, secret: 1, age_seconds: 301, mistakes: [{ code: "timestamp_too_old" }] },
    ]);
    const wider = verify("--secret", "test-secret", "--at", "2024-01-01T12:05:01Z", "--tolerance", "301");
    expect((await qonto(wider, {}, { input: vector.body })).code).toBe(0);
  });

  it("reads the secrets of the environment, and a file from where the person stands", async () => {
    writeFileSync(path.join(directory, "vector.json"), vector.body);
    const commandLine = ["verify", "--header", vector.header, "--body", "vector.json", "--at", "1704110400"];
    expect(
      await qonto(commandLine, { QONTO_WEBHOOK_SECRETS: "other, test-secret", INIT_CWD: directory }),
    ).toMatchObject({ code: 0 });
  });

  it("names the mistake and the remedy, and shows no secret", async () => {
    const { code, stdout } = await qonto(verify("--secret", `"${SECRET}"`), {}, { input: vector.body });
    expect([code, stdout]).toEqual([1, expect.stringContaining("Ruled out:")]);
    expect(stdout).not.toContain("never");
    const mistaken = await qonto(verify("--secret", " test-secret"), {}, { input: vector.body });
    expect(mistaken.stdout).toMatch(/^secret_with_white_space\n {2}.*\n {2}→ Trim/);
  });
});

describe("the terminal", () => {
  const event = { ...exampleEvent, organization_id: "o\u001B[31m1", state: "settled" };
  const terminal = { isTTY: true, columns: 20 } as const;
  let server: ScriptedServer;
  beforeEach(async () => {
    const data = Array.from({ length: 100 }, (_, index) => ({ ...event, id: `e${index}` }));
    server = await new ScriptedServer(() => ({ body: { data, next_cursor: "more" } })).start();
  });
  afterEach(() => server.stop());
  const list = (environment: Record<string, string>, around: Around, ...more: string[]) =>
    qonto(["events", "list", "--limit", "100", "--url", server.url, ...more], { ...TOKEN, ...environment }, around);

  it("gets no colours and no control characters when it is none", async () => {
    const { stdout } = await list({ TERM: "xterm-256color" }, {});
    expect(stdout).not.toContain("\u001B");
    expect(stdout.split("\n")).toHaveLength(102);
  });

  it("gets colours, but for what others wrote, unless it or the person wants none", async () => {
    const colors = { TERM: "xterm-256color" };
    const { stdout } = await list(colors, { terminal });
    expect(stdout).toContain("\u001B[32msettled\u001B[39m");
    expect(stdout).not.toContain("\u001B[31m");
    for (const { stdout: plain } of [
      await list({ ...colors, NO_COLOR: "1" }, { terminal }),
      await list({ TERM: "dumb" }, { terminal }),
      await list(colors, { terminal }, "--no-color"),
      await list(colors, { terminal }, "--json"),
    ]) {
      expect(plain).not.toContain("\u001B");
    }
    expect((await list({ FORCE_COLOR: "1" }, {})).stdout).toContain("\u001B[32msettled");
  });

  it("is told what a command does in one line of its own, which is gone before something else is said", async () => {
    const line = (text: string) => `\r\u001B[2K${text}`;
    const send = ["send", "v1/cards", "--to", server.url, "--secret", SECRET, "--count", "2"];
    expect((await qonto(send, {}, { terminal })).stderr).toBe(`${line("1 of 2 …")}${line("2 of 2 …")}${line("")}`);
    expect((await qonto(send)).stderr).toBe("");
    const verifying = await qonto(
      ["verify", "--header", vector.header, "--body", "-", "--secret", "test-secret"],
      {},
      { terminal, input: vector.body },
    );
    expect(verifying.stderr).toBe(`${line("Trying every known ")}${line("")}`);
  });

  it("interrupts a command, which then says nothing and ends with 130", async () => {
    const asked = Promise.withResolvers<void>();
    server.answer = () => {
      asked.resolve();
      return { hangs: true };
    };
    const listing = new QontoProgram(["events", "list", "--url", server.url], TOKEN);
    await asked.promise;
    listing.interrupt();
    expect(await listing.ended).toEqual({ code: 130, stdout: "", stderr: "" });
  });
});

describe("a run", () => {
  it("reads the token of a relay on this machine where that was started", async () => {
    const server = await new ScriptedServer(() => ({ body: { data: [], next_cursor: null } })).start();
    writeFileSync(path.join(directory, ".dev.vars"), "ADMIN_TOKEN=token-of-dev-vars\n");
    expect((await qonto(["events", "list", "--url", server.url], {}, { directory })).code).toBe(0);
    expect(server.received[0]?.headers.authorization).toBe("Bearer token-of-dev-vars");
    await server.stop();
  });

  it("that is cut short ends its pending calls and waits", async () => {
    const signals: (AbortSignal | null | undefined)[] = [];
    const under = Promise.withResolvers<void>();
    const never = (signal: AbortSignal | null | undefined) => {
      signals.push(signal);
      under.resolve();
      return new Promise<never>(() => undefined);
    };
    const asking = new QontoProgram(["events", "list"], TOKEN, {
      world: { fetch: (_input, init) => never(init?.signal) },
    });
    await under.promise;
    asking.interrupt();
    await asking.ended;
    const server = await new ScriptedServer(() => ({ body: { data: [], next_cursor: null } })).start();
    const waiting = new QontoProgram(["tail", "--url", server.url], TOKEN, {
      world: { wait: (_ms, signal) => never(signal) },
    });
    await waiting.says("as they arrive", "stderr");
    waiting.interrupt();
    await waiting.ended;
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
    await server.stop();
  });

  it("knows nothing of the secrets of another", async () => {
    const server = await new ScriptedServer(() => ({
      status: 400,
      body: { code: "odd", detail: "hush-hush" },
    })).start();
    const list = (token: string) => qonto(["events", "list", "--url", server.url], { ADMIN_TOKEN: token });
    expect((await list("hush-hush")).stderr).toContain("[secret] (400");
    expect((await list("another-token")).stderr).toContain("hush-hush (400");
    await server.stop();
  });
});
