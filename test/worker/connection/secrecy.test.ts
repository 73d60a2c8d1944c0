import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { beginAuthorization, finishAuthorization } from "../../../src/connection/authorize.ts";
import { exampleApplication } from "../../support/qonto-server/simulated-qonto.ts";
import { qontoApplication } from "../support/connected-relay.ts";
import { failing } from "../support/database.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  REFRESH_IS_DUE_SECONDS,
  contextOf,
  endConsents,
  intercept,
  isWriteOfTokens,
  lookAfter,
  rowOf,
} from "./scene.ts";

const methods = ["log", "info", "debug", "warn", "error"] as const;
const lines: string[] = [];

beforeEach(async () => {
  await emptyDatabase();
  lines.length = 0;
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      lines.push(values.map((value) => JSON.stringify(value) ?? String(value)).join(" "));
    });
  }
});

afterEach(() => {
  vi.restoreAllMocks();
});

const OWNER = "kept-by-the-browser-of-the-operator";

/** A relay whose every exchange with Qonto is listened to: `hidden` has what must stay between the two. */
function overheardRelay() {
  const relay = new TestRelay(qontoApplication);
  const hidden = new Set<string>([exampleApplication.clientSecret, OWNER]);
  const fetchOfQonto = relay.qonto.fetch;
  const hide = (text: string) => {
    for (const [, found = ""] of text.matchAll(/((?:access|refresh|code)_[\da-f-]{36}|whsec_[\w-]{20,})/g))
      hidden.add(found);
  };
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const body = await new Request(url, init).text();
    const form = new URLSearchParams(body);
    for (const name of ["code_verifier", "code", "refresh_token"]) if (form.has(name)) hidden.add(form.get(name) ?? "");
    hide(body);
    const response = await fetchOfQonto(url, init);
    hide(await response.clone().text());
    return response;
  };
  Object.assign(relay.qonto, { fetch });
  return { relay, hidden };
}

it("no token, code, state, verifier or secret is in a log line or in what an operator is told, whatever happens", async () => {
  const { relay, hidden } = overheardRelay();
  const { paths } = relay.qonto.faults;
  const told: (string | null)[] = [];

  const connect = async (owner = OWNER) => {
    const { url } = await relay.clock.waitFor(
      beginAuthorization(contextOf(relay), { redirectUri: "https://relay.test/console/qonto/callback", owner: OWNER }),
    );
    hidden.add(new URL(url).searchParams.get("state") ?? "");
    const callback = new URL(await relay.qonto.decide(url, "accept"));
    hidden.add(callback.searchParams.get("code") ?? "");
    return [
      await relay.clock.waitFor(finishAuthorization(contextOf(relay), { callback, owner })),
      await relay.clock.waitFor(finishAuthorization(contextOf(relay), { callback, owner })),
    ];
  };
  const look = async () => {
    await lookAfter(relay).catch(() => undefined);
    const { results } = await env.DB.prepare("SELECT last_error FROM connections").all<{ last_error: string | null }>();
    told.push(...results.map(({ last_error }) => last_error));
  };

  await connect("another-browser-of-somebody-else");
  for (const fault of [{ status: 503 }, { answer: "cut json" }, { answer: "text" }, { status: 400 }] as const) {
    paths.set("/oauth2/token", fault);
    await connect();
  }
  paths.clear();
  const [finished] = await connect();
  if (finished?.state !== "connected") throw new Error("Nothing was connected");
  await look();

  for (const fault of [{ answer: "cut json" }, { answer: "text" }, { answer: "lost" }, { status: 400 }] as const) {
    relay.passSeconds(REFRESH_IS_DUE_SECONDS + 960);
    paths.set("/oauth2/token", { ...fault, times: 1 });
    await look();
    await relay.liveThrough(960);
    await look();
  }
  for (const path of ["/v2/organization", "/v2/webhook_subscriptions"]) {
    for (const fault of [{ status: 401 }, { answer: "cut json" }, { answer: "text" }] as const) {
      paths.set(path, fault);
      relay.passSeconds(3_600);
      await look();
      paths.clear();
    }
  }
  relay.passSeconds(REFRESH_IS_DUE_SECONDS + 960);
  intercept(relay, (call, proceed) => (isWriteOfTokens(call) ? failing(call, proceed) : proceed()));
  await look();
  intercept(relay, (_call, proceed) => proceed());
  await relay.runCron();
  relay.passSeconds(REFRESH_IS_DUE_SECONDS);
  relay.env = { ...relay.env, ENCRYPTION_KEYS: "another-key" };
  await look();
  relay.env = { ...relay.env, ENCRYPTION_KEYS: ENCRYPTION_KEY };
  endConsents(relay, await rowOf({ id: finished.connectionId }));
  await look();

  const said = [...lines, ...told.filter((one) => one !== null)];
  // All of this took place.
  const messages = lines.join("\n");
  for (const message of [
    "authorization.finished",
    "authorization.refused",
    "tokens.refreshed",
    "tokens.refresh_failed",
    "connection.look_after_failed",
    "connection.lost",
  ]) {
    expect(messages).toContain(message);
  }
  expect(new Set(told).size).toBeGreaterThan(4);
  expect(hidden.size).toBeGreaterThan(30);
  expect([...hidden].filter((text) => text.length < 10)).toEqual([]);
  for (const text of hidden) expect(said.filter((line) => line.includes(text))).toEqual([]);
});
