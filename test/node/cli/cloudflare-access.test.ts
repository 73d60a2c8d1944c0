import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type Received, ScriptedServer } from "./scripted-server.ts";
import { BUSINESS_SECRET, ScriptedRelay } from "./doctor-scene.ts";
import { qonto } from "./qonto-program.ts";

const ID = "client-id-of-test.access";
const SECRET = "client-secret-of-test";
const serviceToken = { CF_ACCESS_CLIENT_ID: ID, CF_ACCESS_CLIENT_SECRET: SECRET };
const LOGIN = "https://acme.cloudflareaccess.com/cdn-cgi/access/login/relay.example.com?kid=x";

let server: ScriptedServer;
beforeEach(async () => (server = await new ScriptedServer().start()));
afterEach(() => server.stop());

const run = (commandLine: string[], more: Record<string, string> = {}) =>
  qonto(commandLine, {
    RELAY_URL: server.url,
    ADMIN_TOKEN: "admin-token-of-test",
    QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET,
    ...more,
  });
const shown = ({ headers }: Received) => [headers["cf-access-client-id"], headers["cf-access-client-secret"]];

describe("a service token of Cloudflare Access", () => {
  it("is shown with each call of the operator's API", async () => {
    server.answer = () => ({ body: { data: [], next_cursor: null } });
    expect((await run(["events", "list"], serviceToken)).code).toBe(0);
    await run(["destinations", "pause", "d1"], serviceToken);
    expect(server.received.map(({ method }) => method)).toEqual(["GET", "PATCH"]);
    expect(server.received.map(shown)).toEqual([
      [ID, SECRET],
      [ID, SECRET],
    ]);
  });

  it("is shown by the doctor to the API and to /health, and never to the webhook address", async () => {
    const relay = new ScriptedRelay();
    const asked: [string, string | null][] = [];
    const fetch: typeof globalThis.fetch = (input, init) => {
      const request = new Request(input, init);
      const path = new URL(request.url).pathname;
      asked.push([path, request.headers.get("cf-access-client-secret")]);
      return relay.fetch(request);
    };
    const env = { ADMIN_TOKEN: relay.adminToken, QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET, ...serviceToken };
    const { code } = await qonto(["doctor", "--url", server.url], env, { world: { fetch, elapsedMs: () => 0 } });
    expect(code).toBe(0);
    const isWebhook = ([path]: [string, string | null]) => path === "/webhooks/qonto";
    expect(new Set(asked.filter(isWebhook).map(([, secret]) => secret))).toEqual(new Set([null]));
    const others = asked.filter((one) => !isWebhook(one));
    expect(others.map(([path]) => path)).toEqual(expect.arrayContaining(["/health", "/api/diagnostics"]));
    expect(new Set(others.map(([, secret]) => secret))).toEqual(new Set([SECRET]));
  });

  it("is not shown with an event, which must arrive without", async () => {
    await run(["send", "v1/cards"], serviceToken);
    expect(server.received.map(shown)).toEqual([[undefined, undefined]]);
  });

  it("is not sent where all could read it", async () => {
    const asked: Headers[] = [];
    const fetch: typeof globalThis.fetch = async (_input, init) => {
      asked.push(new Headers(init?.headers));
      return new Response();
    };
    await qonto(["doctor", "--url", "http://relay.example.com"], serviceToken, {
      world: { fetch, elapsedMs: () => 0 },
    });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((headers) => headers.has("cf-access-client-secret"))).toEqual([]);
  });

  it("is in no output, also when the far side echoes it", async () => {
    server.answer = () => ({ status: 400, body: { code: "invalid_request", detail: `${ID} and ${SECRET}` } });
    const { stdout, stderr } = await run(["events", "list"], serviceToken);
    expect(stderr).toContain("[secret] and [secret]");
    expect(stdout + stderr).not.toMatch(new RegExp(`${ID}|${SECRET}`));
  });

  it.each([
    ["CF_ACCESS_CLIENT_ID", "CF_ACCESS_CLIENT_SECRET"],
    ["CF_ACCESS_CLIENT_SECRET", "CF_ACCESS_CLIENT_ID"],
  ])("that is %s alone is wrong usage", async (set, missing) => {
    for (const command of [["events", "list"], ["doctor"]]) {
      const { code, stderr } = await run(command, { [set]: "a-part-of-it", [missing]: " " });
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${set} is set and ${missing} is not.`)]);
    }
    expect(server.received).toEqual([]);
  });

  it("that no header can hold is wrong usage", async () => {
    const { code, stderr } = await run(["events", "list"], { ...serviceToken, CF_ACCESS_CLIENT_SECRET: "a\nb-secret" });
    expect([code, stderr]).toEqual([2, "CF_ACCESS_CLIENT_SECRET holds characters that no service token has.\n"]);
  });
});

describe("Cloudflare Access before the relay", () => {
  it.each<[string, Answer]>([
    ["leads to its login", { status: 302, headers: { location: LOGIN } }],
    ["refuses", { status: 403, headers: { "cf-access-aud": "aud" }, body: "<html>Forbidden</html>" }],
    ["asks for a service token", { status: 401, headers: { "www-authenticate": "Cloudflare-Access" }, body: "<html>" }],
  ])("is named by a command whose call it %s", async (_how, answer) => {
    server.answer = () => answer;
    const { code, stderr } = await run(["events", "list"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Cloudflare Access protects the relay's API (${answer.status} behind_access, ${server.url}).\n` +
        "Set CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET to a service token that its policy admits, or let /api through.\n",
    );
  });

  it.each<[string, Answer]>([
    [
      "a look-alike host",
      { status: 302, headers: { location: "https://evilcloudflareaccess.com/cdn-cgi/access/login" } },
    ],
    ["a plain refusal", { status: 403, body: "<html>" }],
  ])("is not what %s is taken for", async (_what, answer) => {
    server.answer = () => answer;
    expect((await run(["events", "list"])).stderr).toContain(`(${answer.status} not_a_relay, `);
  });

  it("is not what the relay's own refusal is taken for, whatever Access adds to it", async () => {
    const body = { code: "forbidden", detail: "This token may look and not change." };
    server.answer = () => ({ status: 403, headers: { "cf-access-aud": "aud" }, body });
    expect((await run(["events", "list"])).stderr).toContain("(403 forbidden, ");
  });

  it("is named where an event goes that it stops", async () => {
    server.answer = () => ({ status: 302, headers: { location: LOGIN } });
    const { code, stdout } = await run(["send", "v1/cards", "--json"]);
    expect([code, JSON.parse(stdout).answers[0].meaning]).toEqual([
      1,
      "Cloudflare Access protects the address, and Qonto cannot log in: add a Bypass policy for its path.",
    ]);
  });
});
