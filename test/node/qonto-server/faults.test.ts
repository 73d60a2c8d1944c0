import { describe, expect, it } from "vitest";
import type { PathFault } from "../../support/qonto-server/faults.ts";
import { API, Client } from "./client.ts";

const CLIENTS = "/v2/clients";

/** A Qonto whose organization has some clients, and how to read their list. */
function scene(count: number) {
  const client = new Client();
  const made = Array.from({ length: count }, () => String(client.qonto.bank.make("v1/clients")["id"]));
  const { accessToken } = client.qonto.grant();
  const call = (path = CLIENTS) => client.call(path, accessToken);
  const fetchClients = (init: RequestInit = {}) =>
    client.qonto.fetch(API + CLIENTS, { headers: { authorization: `Bearer ${accessToken}` }, ...init });
  const fault = (path: string, given: PathFault) => client.qonto.faults.paths.set(path, given);
  const idsOf = async (page: number) =>
    (await call(`${CLIENTS}?per_page=2&page=${page}`)).body.clients.map(({ id }: { id: string }) => id);
  return { client, qonto: client.qonto, made, call, fetchClients, fault, idsOf };
}

describe("a list that is read", () => {
  it("can shift between two pages, by what is removed, added or changed", async () => {
    const { qonto, made, idsOf, call } = scene(5);
    const [first = "", second, third, fourth, fifth] = made;
    qonto.afterPage(CLIENTS, 1, () => qonto.bank.remove("v1/clients", first));
    expect(await idsOf(1)).toEqual([first, second]);
    // The third is not seen.
    expect(await idsOf(2)).toEqual([fourth, fifth]);
    qonto.afterPage(CLIENTS, 2, () => qonto.bank.make("v1/clients"));
    const count = async (page: number) => (await call(`${CLIENTS}?per_page=2&page=${page}`)).body.meta.total_count;
    expect([await count(1), await count(2), await count(1)]).toEqual([4, 4, 5]);
    expect(await idsOf(1)).toEqual([second, third]);
  });

  it("can say a wrong total_count", async () => {
    const { fault, call } = scene(2);
    fault(CLIENTS, { totalCountBy: 1 });
    expect((await call()).body).toMatchObject({ clients: [{}, {}], meta: { total_count: 3, total_pages: 1 } });
  });

  it("that is ordered by time shifts when something changes meanwhile", async () => {
    const { qonto, call } = scene(0);
    const account = String(qonto.bank.all("v1/accounts")[0]?.["id"]);
    const ids = [1, 2, 3].map((day) =>
      String(qonto.bank.make("v1/transactions", { updated_at: `2026-01-0${day}T00:00:00Z` })["id"]),
    );
    const path = `/v2/transactions?bank_account_id=${account}&sort_by=updated_at:asc&per_page=1`;
    qonto.afterPage("/v2/transactions", 1, () => qonto.bank.change("v1/transactions", ids[0] ?? "", {}));
    const idsOf = async (page: number) => (await call(`${path}&page=${page}`)).body.transactions[0].id;
    expect([await idsOf(1), await idsOf(2), await idsOf(3)]).toEqual([ids[0], ids[2], ids[0]]);
  });
});

describe("a fault of a path", () => {
  it("can be a status, for so many calls, and for no other path", async () => {
    const { fault, call } = scene(1);
    fault(CLIENTS, { status: 503, times: 2 });
    expect((await call()).status).toBe(503);
    expect((await call("/v2/cards")).status).toBe(200);
    expect((await call()).status).toBe(503);
    expect((await call()).status).toBe(200);
  });

  it("can be that of every path: Qonto is down", async () => {
    const { client, fault, call } = scene(1);
    fault("*", { answer: "cut" });
    await expect(call()).rejects.toThrow("fetch failed");
    await expect(client.refresh("token")).rejects.toThrow("fetch failed");
  });

  it("can be 429, with and without Retry-After", async () => {
    const { qonto, fault, call } = scene(1);
    fault(CLIENTS, { status: 429 });
    expect((await call()).headers.get("retry-after")).toBe("1");
    qonto.faults.withoutRetryAfter = true;
    const refused = await call();
    expect(refused.status).toBe(429);
    expect(refused.headers.has("retry-after")).toBe(false);
  });

  it.each(["html", "text", "cut json"] as const)("can be an answer that is no JSON: %s", async (answer) => {
    const { fault, call, fetchClients } = scene(1);
    fault(CLIENTS, { answer });
    expect((await fetchClients()).status).toBe(answer === "html" ? 502 : 200);
    await expect(call()).rejects.toThrow(SyntaxError);
  });

  it("can lose the answer of what was done", async () => {
    const { client, fault } = scene(0);
    const { refreshToken } = client.qonto.grant();
    fault("/oauth2/token", { answer: "lost", times: 1 });
    await expect(client.refresh(refreshToken ?? "")).rejects.toThrow("fetch failed");
    client.now += 60_001;
    // The token was used all the same, longer ago than its minute of grace.
    expect((await client.refresh(refreshToken ?? "")).body.error).toBe("invalid_grant");
  });

  it("can be silence, until the caller hangs up", async () => {
    const { fault, fetchClients } = scene(1);
    fault(CLIENTS, { answer: "hangs" });
    const hangingUp = new AbortController();
    const answered = fetchClients({ signal: hangingUp.signal });
    hangingUp.abort(new Error("The caller has hung up"));
    await expect(answered).rejects.toThrow("The caller has hung up");
  });

  it("can be a late answer, by the clock that it is given", async () => {
    const timers: { readonly ms: number; readonly callback: () => void }[] = [];
    const setTimer = (ms: number, callback: () => void) => {
      timers.push({ ms, callback });
      return () => undefined;
    };
    const client = new Client({ setTimer });
    client.qonto.faults.paths.set(CLIENTS, { delayMs: 30_000 });
    const answered = client.call(CLIENTS, client.qonto.accessToken);
    expect(timers).toMatchObject([{ ms: 30_000 }]);
    timers[0]?.callback();
    expect((await answered).status).toBe(200);
  });
});

describe("a caller without a valid token", () => {
  it("is throttled with everybody at its address after 200 answers of 401, until the hour is over", async () => {
    const { client, call } = scene(0);
    for (let count = 0; count < 200; count += 1) expect((await client.call(CLIENTS, "wrong")).status).toBe(401);
    const throttled = await call();
    expect(throttled.status).toBe(429);
    expect(throttled.headers.get("retry-after")).toBe("3600");
    client.now += 3_600_000;
    expect((await client.call(CLIENTS, client.qonto.accessToken)).status).toBe(200);
  });
});

describe("each answer", () => {
  it("is dated by Qonto's clock, which can be wrong", async () => {
    const { client, qonto, call } = scene(0);
    const date = async () => Date.parse((await call()).headers.get("date") ?? "");
    expect(await date()).toBe(client.now);
    qonto.faults.clockSkewSeconds = -90;
    expect(await date()).toBe(client.now - 90_000);
  });
});

describe("the ids of a simulated Qonto", () => {
  it("and its times are those that it is given: two that are played alike are alike", async () => {
    const play = async () => {
      const sent: string[] = [];
      const send = async (url: string, init: RequestInit) => {
        const request = new Request(url, init);
        sent.push(`${request.headers.get("x-qonto-signature")} ${await request.text()}`);
        return new Response();
      };
      const client = new Client({ send });
      const { body: tokens } = await client.exchange(await client.code());
      const body = JSON.stringify({ callback_url: "https://relay.test/", types: ["v1/clients"] });
      const made = await client.call("/v2/webhook_subscriptions", tokens.access_token, { method: "POST", body });
      await client.qonto.make("v1/clients");
      return { sent, tokens, made: made.body, organization: client.qonto.bank.all("v1/accounts") };
    };
    const played = await play();
    expect(played.sent).toHaveLength(1);
    expect(await play()).toEqual(played);
  });
});
