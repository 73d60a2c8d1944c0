import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { sampleTypes } from "../../../src/qonto/sample-event.ts";
import { qonto } from "./qonto-program.ts";
import { type Answer, type Received, ScriptedServer } from "./scripted-server.ts";

const TOKEN = "access-token-of-test";
const STAGING_TOKEN = "staging-token-of-test";
const URL_OF_RELAY = "https://relay.example.com/webhooks/qonto";
const PATH = "/v2/webhook_subscriptions";

let api: ScriptedServer;
beforeEach(async () => (api = await new ScriptedServer().start()));
afterEach(() => api.stop());

function run(commandLine: readonly string[], { answer, environment = {}, input = "" }: Scene = {}) {
  if (answer !== undefined) api.answer = answer;
  const access = { QONTO_API_URL: api.url, QONTO_ONBOARDING_URL: api.url, QONTO_ACCESS_TOKEN: TOKEN };
  return qonto(commandLine, { ...access, QONTO_STAGING_TOKEN: STAGING_TOKEN, ...environment }, { input });
}

interface Scene {
  readonly answer?: (received: Received) => Answer;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

const subscription = (id: string, more: object = {}) => ({
  id,
  callback_url: URL_OF_RELAY,
  types: ["v1/cards"],
  description: `number ${id}`,
  ...more,
});

const bodies = () => api.received.map(({ body }) => (body === "" ? null : JSON.parse(body)));
const asked = () => api.received.map(({ method, path, query }) => `${method} ${path}?${query.toString()}`);

/** A list of three pages. */
const pages = ({ query }: Received): Answer => {
  const page = Number(query.get("page"));
  if (page > 3) return { status: 422, body: { code: "invalid", detail: "page out of bounds" } };
  const next_page = page === 3 ? null : page + 1;
  return { body: { subscriptions: [subscription(`s${page}`)], meta: { current_page: page, next_page } } };
};

describe("subscriptions list", () => {
  it("shows those of all pages", async () => {
    const { code, stdout, stderr } = await run(["subscriptions", "list", "--json"], { answer: pages });
    expect(JSON.parse(stdout)).toEqual({ subscriptions: [subscription("s1"), subscription("s2"), subscription("s3")] });
    expect(asked()).toEqual([1, 2, 3].map((page) => `GET ${PATH}?per_page=100&page=${page}`));
    expect(api.received[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
    expect(api.received[0]?.headers).not.toHaveProperty("x-qonto-staging-token");
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("is a table for a person", async () => {
    const { stdout } = await run(["subscriptions", "list"], { answer: pages });
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      `ID  URL                                       TYPES     DESCRIPTION`,
      `s1  ${URL_OF_RELAY}  v1/cards  number s1`,
    ]);
  });

  it("takes a page past the last, which has gone meanwhile, for the end", async () => {
    const answer = (received: Received) =>
      received.query.get("page") === "1"
        ? { body: { subscriptions: [subscription("s1")], meta: { next_page: 9 } } }
        : pages(received);
    const { code, stdout } = await run(["subscriptions", "list", "--json"], { answer });
    expect([code, JSON.parse(stdout).subscriptions]).toEqual([0, [subscription("s1")]]);
  });

  it("reads no page twice when the pages lead in a circle", async () => {
    await run(["subscriptions", "list"], { answer: () => ({ body: { subscriptions: [], meta: { next_page: 1 } } }) });
    expect(api.received).toHaveLength(1);
  });

  it("never shows a secret, should Qonto", async () => {
    const answer = () => ({
      body: { subscriptions: [subscription("s1", { secret: "whsec_shown" })], meta: { next_page: null } },
    });
    expect((await run(["subscriptions", "list", "--json"], { answer })).stdout).not.toContain("whsec_shown");
  });

  it("asks the sandbox with its token", async () => {
    await run(["subscriptions", "list", "--sandbox"], { answer: pages });
    expect(api.received[0]?.headers).toMatchObject({ "x-qonto-staging-token": STAGING_TOKEN });
  });

  it("waits as long as the rate limit says, and goes on", async () => {
    const answer = (received: Received) =>
      api.received.length <= 2 ? { status: 429, headers: { "retry-after": "0" }, body: {} } : pages(received);
    const { code, stdout } = await run(["subscriptions", "list", "--json"], { answer });
    expect([code, JSON.parse(stdout).subscriptions]).toEqual([0, expect.objectContaining({ length: 3 })]);
  });

  it("does not wait longer than anybody would", async () => {
    const answer = () => ({ status: 429, headers: { "retry-after": "121" }, body: {} });
    const { code, stderr } = await run(["subscriptions", "list"], { answer });
    expect([code, stderr]).toEqual([1, expect.stringContaining("Wait some minutes")]);
    expect(api.received).toHaveLength(1);
  });

  it("asks a server that fails again, and does not retry one that refuses the token", async () => {
    const answer = (received: Received) => (api.received.length === 1 ? { status: 503 } : pages(received));
    expect((await run(["subscriptions", "list"], { answer })).code).toBe(0);
    api.received.length = 0;
    await run(["subscriptions", "list"], { answer: () => ({ status: 401 }) });
    expect(api.received).toHaveLength(1);
  });

  it("follows no redirect: the tokens are not for the host that it leads to", async () => {
    const stranger = await new ScriptedServer().start();
    const { code } = await run(["subscriptions", "list", "--sandbox"], {
      answer: () => ({ status: 302, headers: { location: stranger.url } }),
    });
    expect([code, stranger.received]).toEqual([1, []]);
    await stranger.stop();
  });
});

describe("Qonto's refusals are sentences", () => {
  it.each<[string, Answer, string]>([
    [
      "a flat error with a pointer",
      { status: 422, body: { code: "invalid", detail: "is not https.", source: { pointer: "/callback_url" } } },
      "Qonto refuses (422): is not https (/callback_url).\n",
    ],
    [
      "a flat error with a parameter",
      { status: 400, body: { code: "invalid", detail: "must be positive", source: { parameter: "page" } } },
      "Qonto refuses (400): must be positive (page).\n",
    ],
    [
      "several errors",
      {
        status: 422,
        body: {
          errors: [
            { code: "a", detail: "one" },
            { code: "b", source: { pointer: "/types" } },
          ],
        },
      },
      "Qonto refuses (422): one; b (/types).\n",
    ],
    ["no JSON at all", { status: 400, body: "<html>no</html>" }, "Qonto refuses (400): it does not say why.\n"],
    [
      "an answer of another form",
      { status: 200, body: { webhook_subscriptions: [] } },
      "Qonto answers (200): its answer is not as documented (subscriptions).\n",
    ],
    [
      "a token that is not let in",
      { status: 401, body: { code: "unauthorized", detail: `Token ${TOKEN} is expired` } },
      "Qonto refuses (401): Token [secret] is expired.\nGet a new OAuth access token and set QONTO_ACCESS_TOKEN; for the sandbox set QONTO_STAGING_TOKEN too.\n",
    ],
  ])("%s", async (_what, answer, sentence) => {
    const { code, stdout, stderr } = await run(["subscriptions", "list", "--json"], { answer: () => answer });
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: sentence });
  });

  it("nobody there", async () => {
    const { code, stderr } = await run(["subscriptions", "delete", "s1"], {
      environment: { QONTO_API_URL: "http://127.0.0.1:9" },
    });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Qonto's API does not answer: .*\.\n.*QONTO_API_URL/)]);
  });
});

describe("subscriptions create", () => {
  it("lets a Qonto that is played on this machine call a relay on it, and no real one", async () => {
    const local = "http://localhost:8787/webhooks/qonto";
    const create = (url: string, environment = {}) =>
      run(["subscriptions", "create", "--url", url, "--types", "v1/cards"], {
        answer: ({ body }) => ({ status: 201, body: { id: "s1", ...JSON.parse(body) } }),
        environment,
      });
    expect((await create(local)).code).toBe(0);
    expect(bodies()).toMatchObject([{ callback_url: local }]);
    expect((await create("http://relay.example.com/webhooks/qonto")).code).toBe(2);
    expect((await create(local, { QONTO_API_URL: "https://qonto.example.com" })).code).toBe(2);
  });

  const create = ["subscriptions", "create", "--url", URL_OF_RELAY];
  const answer = ({ body }: Received): Answer => ({ status: 201, body: { id: "s1", ...JSON.parse(body) } });

  it("subscribes with a strong secret of its own, shown once with where it belongs", async () => {
    const { code, stdout, stderr } = await run(
      [...create, "--types", "v1/transactions, v1/cards", "--description", "relay"],
      { answer },
    );
    const [{ secret, ...input }] = bodies();
    expect(input).toEqual({ callback_url: URL_OF_RELAY, types: ["v1/transactions", "v1/cards"], description: "relay" });
    expect(Buffer.from(secret.replace(/^whsec_/, ""), "base64")).toHaveLength(32);
    expect(stdout.split(secret)).toHaveLength(2);
    expect(stdout).toContain("QONTO_WEBHOOK_SECRETS in .dev.vars");
    expect(stdout).toContain("npx wrangler secret put QONTO_WEBHOOK_SECRETS");
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("makes another secret each time", async () => {
    const secrets = await Promise.all([1, 2].map(() => run([...create, "--types", "v1/cards", "--json"], { answer })));
    expect(new Set(secrets.map(({ stdout }) => JSON.parse(stdout).secret)).size).toBe(2);
  });

  it("subscribes to every type of the Business API", async () => {
    await run([...create, "--all-types"], { answer });
    expect(bodies()[0].types).toEqual(sampleTypes.filter((type) => type.startsWith("v1/")));
  });

  it("takes a secret that the relay knows already, and does not show it", async () => {
    const secret = "s".repeat(32);
    const { stdout } = await run([...create, "--types", "v1/cards", "--secret", "-", "--json"], {
      answer,
      input: `${secret}\n`,
    });
    expect(bodies()[0].secret).toBe(secret);
    expect(stdout).not.toContain(secret);
  });

  it.each([
    `${URL_OF_RELAY}/`,
    "https://relay.example.com//webhooks/qonto",
    "https://relay.example.com/webhooks//qonto//",
  ])("takes %s for the relay's address", async (url) => {
    const { code, stderr } = await run(["subscriptions", "create", "--url", url, "--types", "v1/cards"], { answer });
    expect([code, stderr]).toEqual([0, ""]);
    expect(bodies()[0].callback_url).toBe(URL_OF_RELAY);
  });

  it("warns when the address is not where the relay takes webhooks", async () => {
    const elsewhere = ["subscriptions", "create", "--url", "https://relay.example.com", "--types", "v1/cards"];
    const { code, stderr } = await run(elsewhere, { answer });
    expect([code, stderr]).toEqual([
      0,
      "Warning: the address does not end in /webhooks/qonto, where the relay takes webhooks.\n",
    ]);
    expect(bodies()[0].callback_url).toBe("https://relay.example.com");
  });

  it("is not tried a second time when nobody knows what became of the first", async () => {
    const { code } = await run([...create, "--types", "v1/cards"], { answer: () => ({ status: 502 }) });
    expect([code, api.received.length]).toEqual([1, 1]);
  });

  it("is tried again when the rate limit refused it", async () => {
    const { code } = await run([...create, "--types", "v1/cards"], {
      answer: (received) =>
        api.received.length === 1 ? { status: 429, headers: { "retry-after": "0" } } : answer(received),
    });
    expect([code, api.received.length]).toEqual([0, 2]);
  });
});

describe("subscriptions update", () => {
  it("sends what was there before with what is changed, and never a secret", async () => {
    const before = subscription("s 1", { secret: "whsec_never", organization_id: "o1" });
    const answer = ({ body }: Received): Answer => ({
      body: body === "" ? before : { ...before, ...JSON.parse(body) },
    });
    const { code, stdout } = await run(["subscriptions", "update", "s 1", "--types", "v1/transfers", "--json"], {
      answer,
    });
    expect(api.received.map(({ method, path }) => [method, path])).toEqual([
      ["GET", `${PATH}/s%201`],
      ["PUT", `${PATH}/s%201`],
    ]);
    expect(bodies()[1]).toEqual({ callback_url: URL_OF_RELAY, types: ["v1/transfers"], description: "number s 1" });
    expect(code).toBe(0);
    expect(stdout).not.toContain("whsec_never");
  });

  it("keeps the address and the types, and sends no description where there was none", async () => {
    const before = subscription("s1", { description: null });
    const answer = ({ body }: Received): Answer => ({
      body: body === "" ? before : { ...before, ...JSON.parse(body) },
    });
    const url = "https://other.example.com/webhooks/qonto";
    await run(["subscriptions", "update", "s1", "--url", url], { answer });
    await run(["subscriptions", "update", "s1", "--description", ""], { answer });
    expect([bodies()[1], bodies()[3]]).toEqual([
      { callback_url: url, types: ["v1/cards"] },
      { callback_url: URL_OF_RELAY, types: ["v1/cards"], description: "" },
    ]);
  });

  it("takes an address with slashes too many for the relay's", async () => {
    const url = "https://relay.example.com//webhooks/qonto/";
    const answer = ({ body }: Received): Answer => ({
      body: body === "" ? subscription("s1") : { ...subscription("s1"), ...JSON.parse(body) },
    });
    const { code, stderr } = await run(["subscriptions", "update", "s1", "--url", url], { answer });
    expect([code, stderr]).toEqual([0, ""]);
    expect(bodies()[1].callback_url).toBe(URL_OF_RELAY);
  });
});

describe("subscriptions delete", () => {
  it("ends one", async () => {
    const { stdout } = await run(["subscriptions", "delete", "s1", "--json"], { answer: () => ({ status: 204 }) });
    expect(asked()).toEqual([`DELETE ${PATH}/s1?`]);
    expect(JSON.parse(stdout)).toEqual({ id: "s1", deleted: true });
  });
});

describe("onboarding register", () => {
  const register = ["onboarding", "register", "--url", URL_OF_RELAY];
  const environment = { QONTO_PARTNER_ID: "partner-1" };
  const answer = ({ body }: Received): Answer => ({ status: 201, body: { id: "w1", ...JSON.parse(body) } });
  const input = z.object({
    callback_url: z.literal(URL_OF_RELAY),
    secret: z.string().min(32),
    enabled: z.literal(true),
  });

  it("registers the relay at the endpoint of the guide, as the partner", async () => {
    const { code, stdout } = await run([...register, "--sandbox"], { answer, environment });
    expect(asked()).toEqual(["POST /data_api/webhooks?"]);
    expect(api.received[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      "qonto-partner-id": "partner-1",
      "x-qonto-staging-token": STAGING_TOKEN,
    });
    const { secret } = input.parse(bodies()[0]);
    expect(stdout.split(secret)).toHaveLength(2);
    expect(stdout).toContain("npx wrangler secret put QONTO_ONBOARDING_SECRETS");
    expect(code).toBe(0);
  });

  it("takes an address with slashes too many for the relay's", async () => {
    const given = ["onboarding", "register", "--url", "https://relay.example.com//webhooks/qonto/"];
    const { code, stdout, stderr } = await run(given, { answer, environment });
    expect([code, stderr]).toEqual([0, ""]);
    expect(bodies()[0].callback_url).toBe(URL_OF_RELAY);
    expect(stdout).toContain(`to ${URL_OF_RELAY}.`);
  });

  it("goes to the endpoint of the reference when that of the guide is not there", async () => {
    const { code } = await run(register, {
      answer: (received) => (received.path === "/data_api/webhooks" ? { status: 404 } : answer(received)),
      environment,
    });
    expect(asked()).toEqual(["POST /data_api/webhooks?", "POST /register/webhooks?"]);
    expect(code).toBe(0);
  });

  it("goes nowhere else than to the endpoint that is given", async () => {
    const given = [...register, "--path", "/data_api/webhooks", "--partner-id", "other"];
    expect((await run(given, { answer: () => ({ status: 404 }) })).code).toBe(1);
    expect(asked()).toEqual(["POST /data_api/webhooks?"]);
    expect(api.received[0]?.headers).toMatchObject({ "qonto-partner-id": "other" });
  });

  it.each(["data_api/webhooks", "//data_api/webhooks"])("takes the path %s for one of Qonto's host", async (path) => {
    const { code } = await run([...register, "--path", path], { answer, environment });
    expect(asked()).toEqual(["POST /data_api/webhooks?"]);
    expect(code).toBe(0);
  });
});
