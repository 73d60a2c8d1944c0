import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const own = "https://own.example.com/hook";
const other = "https://other.example.com/hook";

const UNKNOWN = "none";

/** A request as the bearer of a token, with the answer as text. */
const as = (relay: TestRelay, token: string) => async (method: string, path: string, body?: object) => {
  const response = await relay.fetch(path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, text, body: isJson ? JSON.parse(text) : null };
};

async function tokenOf(
  relay: TestRelay,
  destinationId: string,
  name = "books",
): Promise<{ id: string; token: string }> {
  const input = { name, access: "destination", destination_id: destinationId };
  const { status, body } = await relay.api("POST", "/api/tokens", input);
  expect(status).toBe(201);
  return body;
}

const since = new Date(0).toISOString();

/** Two destinations, each with an event of its own and a replay of that, and the token of the first. */
async function twoDestinations(settings: object = {}) {
  const relay = new TestRelay();
  const mine = await relay.addDestination(own, { types: ["v1/cards"], ...settings });
  relay.passSeconds(1);
  const theirs = await relay.addDestination(other, { types: ["v1/transactions"] });
  const [event, otherEvent] = [makePayload("v1/cards"), makePayload("v1/transactions")];
  await relay.send(event);
  await relay.send(otherEvent);
  await relay.runQueues();
  const replayOf = async (id: string): Promise<string> =>
    (await relay.api("POST", `/api/destinations/${id}/replay`, { since, which: "missing" })).body.replay_id;
  const ids = {
    destinations: { own: mine.id, other: theirs.id },
    events: { own: event.id, other: otherEvent.id },
    replays: { own: await replayOf(mine.id), other: await replayOf(theirs.id) },
  };
  const { token, id: tokenId } = await tokenOf(relay, mine.id);
  return { relay, mine, theirs, event, otherEvent, ids, token, tokenId, call: as(relay, token) };
}

type Scene = Awaited<ReturnType<typeof twoDestinations>>;

/** Every operation that takes a token, from the API's document: new ones are among them. */
async function operations(relay: TestRelay) {
  const document: any = await (await relay.fetch("/openapi.json")).json();
  return Object.entries<any>(document.paths).flatMap(([path, ofPath]) =>
    Object.entries<any>(ofPath)
      .filter(([, { security }]) => security !== undefined)
      .map(([method, { requestBody, summary }]) => ({
        title: `${method} ${path}`,
        method: method.toUpperCase(),
        path,
        summary: String(summary),
        body: requestBody?.content?.["application/json"]?.example as object | undefined,
      })),
  );
}

type Operation = Awaited<ReturnType<typeof operations>>[number];

/** The address of an operation on the token's own thing, or on that of another destination. */
function addressOf({ path }: Operation, ids: Scene["ids"], whose: "own" | "other"): string {
  const [, collection] = /^\/api\/(\w+)\//.exec(path) ?? [];
  const known = Object.entries(ids).find(([name]) => name === collection)?.[1];
  return path.replaceAll(/\{\w+\}/g, known?.[whose] ?? UNKNOWN);
}

/** All that the token of a destination may call. What the API does not have yet is left out. */
const open = [
  "get /api/deliveries",
  "get /api/destinations",
  "get /api/destinations/{id}",
  "get /api/destinations/{id}/pull",
  "get /api/events/{id}",
  "get /api/replays/{id}",
  "post /api/destinations/{id}/ack",
  "post /api/destinations/{id}/nack",
  "post /api/destinations/{id}/replay",
  "post /api/destinations/{id}/rotate-secret",
  "post /api/destinations/{id}/test",
  "post /api/events/{id}/replay",
];

const refusal = {
  type: expect.any(String),
  status: 403,
  code: "forbidden",
  title: "Forbidden",
  detail: "This token is for one destination, and this is not part of it.",
};

describe("the token of a destination", () => {
  it("opens nothing but what is named here, and nothing of another destination by its id", async () => {
    const { relay, ids, call } = await twoDestinations();
    const opened: string[] = [];
    const all = await operations(relay);
    expect(all.length).toBeGreaterThan(25);
    for (const operation of all) {
      const { title, method, path } = operation;
      const body = title === "post /api/events/{id}/replay" ? {} : operation.body;
      const onOwn = await call(method, addressOf(operation, ids, "own"), body);
      if (onOwn.status !== 403) {
        opened.push(title);
        expect(onOwn.status, title).toBeLessThan(300);
        for (const foreign of [...Object.values(ids).map((those) => those.other), other]) {
          expect(onOwn.text, title).not.toContain(foreign);
        }
      } else expect(onOwn.body, title).toEqual(refusal);
      if (!path.includes("{")) continue;
      const onOther = await call(method, addressOf(operation, ids, "other"), body);
      const onUnknown = await call(method, path.replaceAll(/\{\w+\}/g, UNKNOWN), body);
      expect([onOther.body, onUnknown.body], title).toEqual([refusal, refusal]);
    }
    const has = new Set(all.map(({ title }) => title));
    expect(opened.toSorted()).toEqual(open.filter((title) => has.has(title)));
    expect(opened.length).toBeGreaterThanOrEqual(9);
  });

  it("changes nothing of another destination, whatever it calls", async () => {
    const { relay, ids, theirs, call } = await twoDestinations();
    const before = (await relay.api("GET", `/api/destinations/${theirs.id}`)).body;
    const received = relay.destinations.at(other).length;
    for (const operation of await operations(relay)) {
      await call(operation.method, addressOf(operation, ids, "other"), operation.body);
    }
    await relay.liveThrough(60);
    expect((await relay.api("GET", `/api/destinations/${theirs.id}`)).body).toEqual(before);
    expect(relay.destinations.at(other)).toHaveLength(received);
    expect((await relay.api("GET", "/api/audit")).body.data.filter((one: any) => one.token === "books")).toEqual([]);
  });

  it("gets the same answer for an invalid request to what is not its own", async () => {
    const { call, theirs } = await twoDestinations();
    for (const [method, path, body] of [
      ["POST", `/api/destinations/${theirs.id}/replay`, { which: "nonsense" }],
      ["GET", `/api/destinations/${theirs.id}?unknown=1`],
      ["POST", "/api/tokens", { nonsense: true }],
      ["PATCH", "/api/destinations/none", { nonsense: true }],
    ] as const) {
      expect((await call(method, path, body)).body, path).toEqual(refusal);
    }
  });

  it("sees its destination alone in the list, also behind a cursor of the whole list", async () => {
    const { relay, ids, call } = await twoDestinations();
    const list = await call("GET", "/api/destinations");
    expect(list.body).toMatchObject({ data: [{ id: ids.destinations.own }], next_cursor: null });
    const cursor: string = (await relay.api("GET", "/api/destinations?limit=1")).body.next_cursor;
    expect((await call("GET", `/api/destinations?cursor=${cursor}`)).body).toEqual({ data: [], next_cursor: null });
    const before = new TextEncoder().encode(JSON.stringify({ id: "" })).toBase64({ alphabet: "base64url" });
    expect((await call("GET", `/api/destinations?cursor=${before}`)).body.data).toHaveLength(1);
  });

  it("cannot change, pause or remove its destination", async () => {
    const { relay, mine, call } = await twoDestinations();
    expect((await call("PATCH", `/api/destinations/${mine.id}`, { organizations: null })).status).toBe(403);
    expect((await call("PATCH", `/api/destinations/${mine.id}`, { url: other })).status).toBe(403);
    expect((await call("DELETE", `/api/destinations/${mine.id}`)).status).toBe(403);
    expect((await relay.api("GET", `/api/destinations/${mine.id}`)).body).toMatchObject({ url: own, enabled: true });
  });

  it("tests and rotates its destination, under its name in the audit trail", async () => {
    const { relay, mine, call } = await twoDestinations();
    expect((await call("POST", `/api/destinations/${mine.id}/test`)).body).toMatchObject({ outcome: "delivered" });
    const rotated = await call("POST", `/api/destinations/${mine.id}/rotate-secret`, { overlap_seconds: 60 });
    expect(rotated.body.secret).toMatch(/^whsec_/);
    const { data } = (await relay.api("GET", "/api/audit")).body;
    const ofToken = data.filter(({ token }: any) => token === "books");
    expect(ofToken.map(({ action }: any) => action).toSorted()).toEqual([
      "destination.secret_rotated",
      "destination.tested",
    ]);
  });
});

describe("the deliveries that the token of a destination lists", () => {
  /** The last delivery of each destination is dead. */
  async function withDeadOnes() {
    const scene = await twoDestinations({ retry_schedule_seconds: [] });
    const { relay, ids } = scene;
    await relay.api("PATCH", `/api/destinations/${ids.destinations.other}`, { retry_schedule_seconds: [] });
    for (const url of [own, other]) relay.destinations.answer(url, statuses(500));
    for (const type of ["v1/cards", "v1/transactions"] as const) await relay.send(makePayload(type));
    await relay.runQueues();
    return scene;
  }

  const filters = ["", "status=pending", "status=delivered", "status=dead"];

  it.each(filters)("are its own with the filter %j, whatever the cursor", async (filter) => {
    const { relay, ids, call } = await withDeadOnes();
    const whole = (await relay.api("GET", `/api/deliveries?limit=1&${filter}`)).body;
    const cursors = ["", ...(whole.next_cursor === null ? [] : [`&cursor=${whole.next_cursor}`])];
    for (const cursor of cursors) {
      const { status, text, body } = await call("GET", `/api/deliveries?${filter}${cursor}`);
      expect(status).toBe(200);
      expect(text).not.toContain(ids.destinations.other);
      expect(text).not.toContain(ids.events.other);
      if (cursor === "") expect(body.data).toHaveLength({ "": 2, "status=pending": 0 }[filter] ?? 1);
    }
    const ofOwn = await call("GET", `/api/deliveries?destination_id=${ids.destinations.own}&${filter}`);
    expect(ofOwn.body).toEqual((await call("GET", `/api/deliveries?${filter}`)).body);
  });

  it("are refused with the id of another destination, and with an unknown one", async () => {
    const { ids, call } = await twoDestinations();
    for (const id of [ids.destinations.other, UNKNOWN]) {
      for (const filter of filters) {
        expect((await call("GET", `/api/deliveries?destination_id=${id}&${filter}`)).body).toEqual(refusal);
      }
    }
  });

  it("have cursors that name no event of another destination", async () => {
    const { relay, call } = await twoDestinations();
    // More events than one page looks at, all of them of the other destination.
    await env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, body, recipients)
       WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 10100)
       SELECT 'foreign-' || value, 'business', 'v1/transactions', ?1, ?1, '{}', '{}' FROM n`,
    )
      .bind(relay.now)
      .run();
    const { body } = await call("GET", "/api/deliveries");
    expect(body).toMatchObject({ data: [], next_cursor: expect.any(String) });
    const decoded = new TextDecoder().decode(Uint8Array.fromBase64(body.next_cursor, { alphabet: "base64url" }));
    expect(decoded).not.toContain("foreign");
    expect((await call("GET", `/api/deliveries?cursor=${body.next_cursor}`)).body.data).toHaveLength(1);
  });
});

describe("an event that the token of a destination asks for", () => {
  it("is shown with its own delivery and the state of that, when it goes to others too", async () => {
    const { relay, mine, theirs, call } = await twoDestinations();
    await relay.api("PATCH", `/api/destinations/${theirs.id}`, { types: [] });
    relay.destinations.answer(other, statuses(500));
    const shared = makePayload("v1/cards");
    await relay.send(shared);
    await relay.runQueues();
    expect((await relay.api("GET", `/api/events/${shared.id}`)).body).toMatchObject({
      state: "pending",
      deliveries: [{}, {}],
    });
    const { body, text } = await call("GET", `/api/events/${shared.id}`);
    expect(body).toMatchObject({
      id: shared.id,
      state: "settled",
      payload: { id: shared.id },
      deliveries: [{ destination_id: mine.id, status: "delivered" }],
    });
    expect(text).not.toContain(theirs.id);
  });

  it("is replayed to it alone, named or not", async () => {
    const { relay, event, mine, theirs, call } = await twoDestinations();
    await relay.api("PATCH", `/api/destinations/${theirs.id}`, { types: [] });
    for (const body of [{}, { destination_id: mine.id }]) {
      const received = [own, other].map((url) => relay.destinations.at(url).length);
      expect((await call("POST", `/api/events/${event.id}/replay`, body)).body).toEqual({ count: 1 });
      await relay.runQueues();
      expect([own, other].map((url, at) => relay.destinations.at(url).length - (received[at] ?? 0))).toEqual([1, 0]);
    }
  });

  it("is not replayed to another destination, nor when it is of no concern to its own", async () => {
    const { relay, event, otherEvent, theirs, mine, call } = await twoDestinations();
    const received = relay.destinations.received.length;
    for (const [id, body] of [
      [event.id, { destination_id: theirs.id }],
      [event.id, { destination_id: UNKNOWN }],
      [otherEvent.id, { destination_id: theirs.id }],
      [otherEvent.id, { destination_id: mine.id }],
      [otherEvent.id, {}],
      [UNKNOWN, {}],
    ] as const) {
      expect((await call("POST", `/api/events/${id}/replay`, body)).body, `${id} ${JSON.stringify(body)}`).toEqual(
        refusal,
      );
    }
    await relay.liveThrough(60);
    expect(relay.destinations.received).toHaveLength(received);
  });

  it("is refused before it is dispatched, as an unknown one is", async () => {
    const { relay, mine, call } = await twoDestinations();
    const waiting = makePayload("v1/transactions");
    await relay.send(waiting);
    expect((await call("GET", `/api/events/${waiting.id}`)).body).toEqual(refusal);
    const replayed = await call("POST", `/api/events/${waiting.id}/replay`, { destination_id: mine.id });
    expect(replayed.body).toEqual(refusal);
  });

  it("is replayed when it matches and was never sent to it", async () => {
    const { relay, mine, call } = await twoDestinations();
    await relay.api("PATCH", `/api/destinations/${mine.id}`, { enabled: false });
    const missed = makePayload("v1/cards");
    await relay.send(missed);
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${mine.id}`, { enabled: true });
    expect((await call("POST", `/api/events/${missed.id}/replay`)).body).toEqual({ count: 1 });
  });

  it("is taken from it by an operator who narrows the destination before it is sent, and given back by his replay", async () => {
    const { relay, mine, call } = await twoDestinations({ organizations: ["kept", "cut"], max_per_second: 1 });
    const cut = makePayload("v1/cards", { organization_id: "cut" });
    relay.destinations.answer(own, statuses(503));
    await relay.send(cut);
    await relay.runEventsBatch();
    expect((await call("GET", `/api/events/${cut.id}`)).body).toMatchObject({ deliveries: [{ status: "pending" }] });
    await relay.api("PATCH", `/api/destinations/${mine.id}`, { organizations: ["kept"] });
    expect((await call("GET", `/api/events/${cut.id}`)).body).toEqual(refusal);
    expect((await call("POST", `/api/events/${cut.id}/replay`)).body).toEqual(refusal);
    const all = await call("POST", `/api/destinations/${mine.id}/replay`, { since, which: "failed" });
    expect(all.body.count).toBe(0);
    expect((await relay.api("POST", `/api/events/${cut.id}/replay`, { destination_id: mine.id })).body.count).toBe(1);
    expect((await call("GET", `/api/events/${cut.id}`)).status).toBe(200);
  });

  it("is gone with retention, though its delivery is still there", async () => {
    const { relay, mine, call } = await twoDestinations({ retry_schedule_seconds: [] });
    relay.destinations.answer(own, statuses(500));
    const dead = makePayload("v1/cards");
    await relay.send(dead);
    await relay.runQueues();
    await env.DB.prepare("DELETE FROM events WHERE id = ?1").bind(dead.id).run();
    expect((await call("GET", `/api/events/${dead.id}`)).body).toEqual(refusal);
    expect((await call("GET", `/api/deliveries?status=dead&destination_id=${mine.id}`)).body.data).toHaveLength(1);
  });
});

describe("a destination's token", () => {
  it("is created for a destination that exists, and listed with it", async () => {
    const { relay, mine } = await twoDestinations();
    expect((await relay.api("GET", "/api/tokens")).body.data).toMatchObject([
      { name: "books", access: "destination", destination_id: mine.id },
    ]);
  });

  it.each([
    ["without a destination", { access: "destination" }, "is missing"],
    ["for an unknown destination", { access: "destination", destination_id: UNKNOWN }, "is no destination"],
    [
      "with a destination and read access",
      { access: "read", destination_id: UNKNOWN },
      "is for the access destination alone",
    ],
    [
      "with a destination and full access",
      { access: "full", destination_id: UNKNOWN },
      "is for the access destination alone",
    ],
  ])("is not created %s", async (_title, input, message) => {
    const relay = new TestRelay();
    expect(await relay.api("POST", "/api/tokens", { name: "books", ...input })).toMatchObject({
      status: 400,
      body: { code: "invalid_request", errors: [{ path: "destination_id", message }] },
    });
    expect((await relay.api("GET", "/api/tokens")).body.data).toEqual([]);
  });

  it("is not created for a destination that is deleted meanwhile", async () => {
    const { relay, theirs } = await twoDestinations();
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (statements.some((sql) => sql.includes("INSERT INTO tokens"))) {
        await relay.api("DELETE", `/api/destinations/${theirs.id}`);
      }
      return proceed();
    });
    const overtaken = new TestRelay({ DB });
    const input = { name: "late", access: "destination", destination_id: theirs.id };
    expect((await overtaken.api("POST", "/api/tokens", input)).body).toMatchObject({
      errors: [{ path: "destination_id" }],
    });
  });

  it("ends with its destination, and others stay", async () => {
    const { relay, mine, theirs, call } = await twoDestinations();
    const ofOther = as(relay, (await tokenOf(relay, theirs.id, "other")).token);
    await relay.api("DELETE", `/api/destinations/${mine.id}`);
    expect((await call("GET", "/api/destinations")).status).toBe(401);
    expect((await ofOther("GET", "/api/destinations")).status).toBe(200);
    expect((await relay.api("GET", "/api/tokens")).body.data).toMatchObject([{ name: "other" }]);
  });

  it("ends when it is revoked", async () => {
    const { relay, tokenId, call } = await twoDestinations();
    await relay.api("DELETE", `/api/tokens/${tokenId}`);
    expect((await call("GET", "/api/destinations")).status).toBe(401);
  });

  it("gets no answer that another token's request left under the same Idempotency-Key", async () => {
    const { relay, mine, theirs, token } = await twoDestinations();
    const rotate = async (bearer: string, id: string) => {
      const response = await relay.fetch(`/api/destinations/${id}/rotate-secret`, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "idempotency-key": "same" },
      });
      return { status: response.status, text: await response.text() };
    };
    const { token: ofOther } = await tokenOf(relay, theirs.id, "other");
    const first = await rotate(ofOther, theirs.id);
    expect(first.status).toBe(200);
    expect((await rotate(token, theirs.id)).status).toBe(403);
    const second = await rotate(token, mine.id);
    expect(second.status).toBe(200);
    expect(second.text).not.toBe(first.text);
    expect(await rotate(token, mine.id)).toEqual(second);
  });
});

it("an event that a destination's token asked for again is not sent after the destination is narrowed", async () => {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(own);
  relay.destinations.answer(own, statuses(503, 503, 200));
  const event = makePayload("v1/cards");
  await relay.send(event);
  await relay.runQueues();
  const call = as(relay, (await tokenOf(relay, id)).token);
  expect((await call("POST", `/api/events/${event.id}/replay`, {})).status).toBe(202);
  await relay.api("PATCH", `/api/destinations/${id}`, { types: ["v1/accounts"] });
  await relay.liveThrough(3_600);
  expect(relay.destinations.at(own).length).toBeLessThan(3);
  const { body } = await relay.api("GET", `/api/events/${event.id}`);
  expect(body.deliveries[0].attempts.at(-1)).toMatchObject({ outcome: "filtered" });
  expect((await call("GET", `/api/events/${event.id}`)).status).toBe(403);
});
