import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { RelayClient } from "../../../../src/cli/relay-client.ts";
import { z } from "zod";
import type { ServedWorker } from "../../../bench/served-worker.ts";
import { businessRequest } from "../../../support/qonto.ts";
import { type Item, type ListedType, idOf, listedTypes, makeableTypes } from "../../../support/qonto-server/bank.ts";
import { type QontoOptions, QontoServer } from "../../../support/qonto-server/node/qonto-server.ts";
import { QontoProgram, qonto } from "../qonto-program.ts";
import { ScriptedServer } from "../scripted-server.ts";
import { SECRET, TOKEN, serveRelay } from "../served-relay.ts";

/** Reconciliation of a bank with a relay on real D1 and queues. Each test has an organization of its own. */

const LONG_AGO = "2025-01-01T00:00:00.000Z";

const destination = new ScriptedServer();
let relay: ServedWorker;
let api: RelayClient;
let bank: QontoServer;

beforeAll(async () => {
  relay = await serveRelay();
  api = new RelayClient(relay.url, TOKEN);
  await destination.start();
  await api.post("/api/destinations", { url: `${destination.url}/hook` }, z.unknown());
});
afterAll(async () => {
  await relay?.stop();
  await destination.stop();
});

beforeEach(async () => {
  await openBank();
  destination.received.length = 0;
});
afterEach(() => bank.stop());

/** A bank in which nothing has been made but the organization and its account, long ago. */
async function openBank(options: QontoOptions = {}): Promise<void> {
  bank = await QontoServer.start({ organizationId: crypto.randomUUID(), ...options });
  for (const type of ["v1/organizations", "v1/accounts"] as const) {
    for (const item of bank.bank.all(type)) bank.bank.change(type, idOf(type, item), { updated_at: LONG_AGO });
  }
}

async function reopenBank(options: QontoOptions): Promise<void> {
  await bank.stop();
  await openBank(options);
}

const access = () => ({
  RELAY_URL: relay.url,
  ADMIN_TOKEN: TOKEN,
  QONTO_WEBHOOK_SECRETS: SECRET,
  QONTO_API_URL: bank.url,
  QONTO_ACCESS_TOKEN: bank.accessToken,
});

const line = (...more: string[]) => ["reconcile", "--since", "2020-01-01", "--json", ...more];

async function reconcile(...more: string[]): Promise<{ code: number | null; report: any }> {
  const { code, stdout, stderr } = await qonto(line(...more), access());
  expect(stderr).toBe("");
  return { code, report: JSON.parse(stdout) };
}

interface Found {
  readonly type: string;
  readonly resource_id: string;
  readonly difference: string;
  readonly outcome: string;
}

const found = (report: { differences: Found[] }) =>
  report.differences
    .map(({ type, resource_id, difference, outcome }) => `${difference} ${type} ${resource_id} ${outcome}`)
    .toSorted();

const events = () =>
  Array.fromAsync(
    api.list("/api/events", z.looseObject({ id: z.string(), state: z.string(), reconciled: z.boolean() }), {
      organization_id: bank.bank.organizationId,
    }),
  );

/** The relay has done all it has to do for so many events of the organization. */
async function settled(count: number): Promise<void> {
  const areSettled = async () => {
    const all = await events();
    return all.length === count && all.every(({ state }) => state === "settled");
  };
  await vi.waitUntil(areSettled, { timeout: 60_000, interval: 20 });
}

const state = async (type: ListedType): Promise<{ [id: string]: Item }> => {
  const resources = await Array.fromAsync(
    api.list(
      `/api/organizations/${bank.bank.organizationId}/resources`,
      z.object({ resource_id: z.string(), data: z.record(z.string(), z.unknown()) }),
      { type },
    ),
  );
  return Object.fromEntries(
    resources.map(({ resource_id, data: { event: _event, ...data } }) => [resource_id, plain(data)]),
  );
};

const inBank = (type: ListedType): { [id: string]: Item } =>
  Object.fromEntries(bank.bank.all(type).map((item) => [idOf(type, item), plain(item)]));

/** As JSON carries it; of numbers the value. */
const plain = (item: Item): Item => JSON.parse(JSON.stringify(item));

async function expectStateOfBank(types: readonly ListedType[] = listedTypes): Promise<void> {
  for (const type of types) expect(await state(type)).toEqual(inBank(type));
}

async function webhook(type: ListedType, item: Item, created_at: string, event = "updated"): Promise<void> {
  const payload = bank.event(type, { created_at, data: { event, ...item } });
  const signing = { secret: SECRET, timestamp: Math.floor(Date.now() / 1000) };
  const response = await fetch(`${relay.url}/webhooks/qonto`, await businessRequest(payload, signing));
  expect(response.status).toBe(200);
}

/** Two of each type, of which no event was sent. */
function makeThings(): string[] {
  for (const type of makeableTypes) for (const _ of [1, 2]) bank.bank.make(type);
  return listedTypes.flatMap((type) => Object.keys(inBank(type)).map((id) => `missing ${type} ${id}`)).toSorted();
}

describe("what never came", () => {
  it("is reported by type and id, and nothing is done about it", async () => {
    for (const status of ["pending", "declined", "completed"]) bank.bank.make("v1/transactions", { status });
    const missing = makeThings();
    const { code, report } = await reconcile();
    expect(found(report)).toEqual(missing.map((one) => `${one} reported`));
    expect(report).toMatchObject({ organization_id: bank.bank.organizationId, balanced: false });
    expect(report.types).toContainEqual({
      type: "v1/transactions",
      listed: 5,
      missing: 5,
      drifted: 0,
      deleted: 0,
      extra: 0,
      fault: null,
    });
    expect(code).toBe(1);
    expect(await events()).toEqual([]);
  });

  it("is applied: the state is the bank's, destinations get it with a mark, a second run adds nothing", async () => {
    const missing = makeThings();
    const before = await ledger();
    const first = await reconcile("--apply");
    expect(found(first.report)).toEqual(missing.map((one) => `${one} applied`));
    expect(first.code).toBe(0);
    // Whether the relay has come to know it by now or not.
    expect((await reconcile("--apply")).code).toBe(0);
    await settled(missing.length);
    await expectStateOfBank();

    const third = await reconcile("--apply");
    expect(third).toMatchObject({ code: 0, report: { balanced: true, differences: [] } });
    const all = await events();
    expect(all.map(({ reconciled }) => reconciled)).toEqual(missing.map(() => true));
    expect(destination.received.map(({ headers }) => headers["webhook-id"]).toSorted()).toEqual(
      all.map(({ id }) => id).toSorted(),
    );
    expect(new Set(destination.received.map(({ headers }) => headers["x-relay-reconciled"]))).toEqual(
      new Set(["true"]),
    );
    const after = await ledger();
    expect(after.reconciled - before.reconciled).toBe(missing.length);
    expect([after.duplicates - before.duplicates, after.conflicts, after.balanced]).toEqual([0, 0, true]);
  });

  it("says what happened as the status tells it, and is dated as the thing is", async () => {
    for (const status of ["settled", "pending"]) bank.bank.make("v1/transfers", { status, updated_at: LONG_AGO });
    bank.bank.make("v1/cards", { status: "discarded" });
    bank.bank.make("v1/client-invoices");
    await reconcile("--apply", "--types", "v1/transfers,v1/cards,v1/client-invoices");
    await settled(4);
    const bodies = destination.received.map(({ body }) => JSON.parse(body));
    const eventsOf = (type: string) => bodies.filter((body) => body.type === type).map(({ data }) => data.event);
    expect(eventsOf("v1/transfers").toSorted()).toEqual(["created", "settled"]);
    expect(eventsOf("v1/cards")).toEqual(["discarded"]);
    expect(eventsOf("v1/client-invoices")).toEqual([undefined]);
    expect(bodies.filter(({ type }) => type === "v1/transfers").map(({ created_at }) => created_at)).toEqual(
      Array(2).fill("2025-01-01T00:00:00.000Z"),
    );
  });

  it("may still come later: neither it nor what is older spoils the state", async () => {
    const client = bank.bank.make("v1/clients", { updated_at: "2026-02-01T10:00:00.500Z" });
    const member = bank.bank.make("v1/memberships");
    await reconcile("--apply", "--types", "v1/clients,v1/memberships");
    await settled(2);
    await webhook("v1/clients", client, "2026-02-01T10:00:02Z", "created");
    await webhook(
      "v1/clients",
      { ...client, updated_at: "2026-01-31T10:00:00Z", name: "older" },
      "2026-02-01T10:00:03Z",
    );
    await webhook("v1/memberships", { ...member, role: "older" }, "2026-02-01T10:00:00Z");
    await settled(5);
    await expectStateOfBank(["v1/clients", "v1/memberships"]);
    expect((await reconcile("--types", "v1/clients,v1/memberships")).code).toBe(0);
  });
});

async function ledger() {
  return api.get(
    "/api/ledger",
    z.object({ reconciled: z.number(), duplicates: z.number(), conflicts: z.number(), balanced: z.boolean() }),
  );
}

it("ids that are numbers are compared digit by digit", async () => {
  const numbers = ["9007199254740993", "9007199254740995"];
  await reopenBank({ organizationId: "9007199254740997" });
  for (const id of numbers) bank.bank.make("v1/clients", { id, updated_at: LONG_AGO });
  bank.bank.make("v1/transactions", { updated_at: LONG_AGO });
  /** The bank as one that writes them as numbers. */
  const unquoting: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (!String(input instanceof Request ? input.url : input).startsWith(bank.url)) return answer;
    return new Response((await answer.text()).replaceAll(/"(\d{16})"/g, "$1"), answer);
  };
  const run = async (...more: string[]) => {
    const types = ["--types", "v1/organizations,v1/clients,v1/transactions"];
    const { code, stdout } = await qonto(line(...types, ...more), access(), { world: { fetch: unquoting } });
    return { code, report: JSON.parse(stdout) };
  };
  const data = { ...bank.bank.all("v1/clients")[0], id: JSON.rawJSON(numbers[0] ?? "") };
  await webhook("v1/clients", data, LONG_AGO);
  await settled(1);
  const first = await run("--apply");
  expect(first.code).toBe(0);
  expect(found(first.report).filter((one) => !one.includes("v1/transactions"))).toEqual([
    "missing v1/clients 9007199254740995 applied",
    "missing v1/organizations 9007199254740997 applied",
  ]);
  await settled(4);
  expect(Object.keys(await state("v1/clients"))).toEqual(numbers);
  expect(await run()).toMatchObject({ code: 0, report: { organization_id: "9007199254740997", balanced: true } });
});

describe("what has drifted", () => {
  const types = ["v1/transactions", "v1/memberships"] as const;
  const these = ["--types", types.join(",")];

  it("is told with the fields that differ, and becomes what the bank shows", async () => {
    const transaction = bank.bank.make("v1/transactions", { updated_at: LONG_AGO });
    const member = bank.bank.make("v1/memberships");
    await webhook("v1/transactions", transaction, LONG_AGO);
    await webhook("v1/memberships", member, LONG_AGO);
    await settled(2);
    expect((await reconcile(...these)).report).toMatchObject({ balanced: true });

    bank.bank.change("v1/transactions", String(transaction["id"]), { label: "changed" });
    bank.bank.change("v1/memberships", String(member["id"]), { role: "manager" });
    const { report, code } = await reconcile(...these, "--apply");
    expect(report.differences).toEqual([
      expect.objectContaining({
        resource_id: member["id"],
        difference: "drifted",
        fields: ["role"],
        outcome: "applied",
      }),
      expect.objectContaining({ resource_id: transaction["id"], difference: "drifted", fields: ["label"] }),
    ]);
    expect(code).toBe(0);
    await settled(4);
    await expectStateOfBank(types);
    expect((await reconcile(...these)).report).toMatchObject({ balanced: true });
  });

  it("may come to be what it was before, though it bears no date", async () => {
    const member = bank.bank.make("v1/memberships", { role: "employee" });
    const id = String(member["id"]);
    await reconcile("--apply", ...these);
    await settled(1);
    let count = 1;
    for (const role of ["manager", "employee"]) {
      bank.bank.change("v1/memberships", id, { role });
      // A later run, as Qonto's clock has it.
      bank.faults.clockSkewSeconds = count * 60;
      await reconcile("--apply", ...these);
      await settled((count += 1));
      await expectStateOfBank(["v1/memberships"]);
    }
  });

  it("is not what the relay has heard of since", async () => {
    const transaction = bank.bank.make("v1/transactions", { updated_at: LONG_AGO });
    const member = bank.bank.make("v1/memberships");
    await webhook("v1/transactions", { ...transaction, label: "newer", updated_at: "2025-02-01T00:00:00Z" }, LONG_AGO);
    await webhook("v1/memberships", { ...member, role: "newer" }, new Date(Date.now() + 3_600_000).toISOString());
    await settled(2);
    expect((await reconcile("--apply", ...these)).report).toMatchObject({ balanced: true });
  });
});

describe("what is gone", () => {
  const types = ["v1/beneficiaries", "v1/clients", "v1/products"] as const;
  const these = ["--types", types.join(",")];

  /** One of each type, which the relay knows and the bank has no more. */
  async function makeGone(): Promise<string[]> {
    const made = types.map((type) => ({ type, item: bank.bank.make(type, { updated_at: LONG_AGO }) }));
    for (const { type, item } of made) await webhook(type, item, LONG_AGO, "created");
    await settled(types.length);
    for (const { type, item } of made) bank.bank.remove(type, idOf(type, item));
    return made.map(({ type, item }) => `deleted ${type} ${idOf(type, item)}`);
  }

  it("is reported, and nothing is done about it", async () => {
    const gone = await makeGone();
    const { code, report } = await reconcile(...these);
    expect(found(report)).toEqual(gone.map((one) => `${one} reported`));
    expect(report.types).toContainEqual(expect.objectContaining({ type: "v1/clients", deleted: 1, extra: 0 }));
    expect([code, (await events()).length]).toEqual([1, types.length]);
  });

  it("is applied: the relay knows it as deleted, destinations get it with a mark, a second run adds nothing", async () => {
    const gone = await makeGone();
    destination.received.length = 0;
    const { code, report } = await reconcile("--apply", ...these);
    expect(found(report)).toEqual(gone.map((one) => `${one} applied`));
    expect(code).toBe(0);
    await settled(2 * types.length);
    expect(await reconcile("--apply", ...these)).toMatchObject({
      code: 0,
      report: { balanced: true, differences: [] },
    });
    const received = destination.received.map(({ headers, body }) => [
      headers["x-relay-reconciled"],
      JSON.parse(body).data.event,
    ]);
    expect(received).toEqual(types.map(() => ["true", "deleted"]));
    expect(await events()).toHaveLength(2 * types.length);
  });

  it("is not what Qonto only hides: that is extra", async () => {
    const made = types.map((type) => ({ type, item: bank.bank.make(type, { updated_at: LONG_AGO }) }));
    for (const { type, item } of made) await webhook(type, item, LONG_AGO, "created");
    await settled(types.length);
    for (const { type, item } of made) bank.bank.hide(type, idOf(type, item));
    const { code, report } = await reconcile("--apply", ...these);
    expect(found(report)).toEqual(made.map(({ type, item }) => `extra ${type} ${idOf(type, item)} reported`));
    expect([code, (await events()).length]).toEqual([1, types.length]);
  });
});

describe("what is extra", () => {
  it("is reported and left alone, but for what is known as deleted, and what has not changed in the time", async () => {
    const [gone, kept, old] = [1, 2, 3].map(() => bank.bank.make("v1/memberships", { updated_at: LONG_AGO }));
    const before = bank.bank.make("v1/transactions", { updated_at: "2019-01-01T00:00:00Z" });
    const within = bank.bank.make("v1/transactions", { updated_at: "2021-01-01T00:00:00Z" });
    for (const item of [gone, kept]) await webhook("v1/memberships", Object(item), LONG_AGO, "created");
    await webhook("v1/memberships", Object(old), LONG_AGO, "deleted");
    for (const item of [before, within]) await webhook("v1/transactions", item, LONG_AGO, "created");
    await settled(5);
    for (const item of [gone, old]) bank.bank.remove("v1/memberships", String(item?.["id"]));
    for (const item of [before, within]) bank.bank.remove("v1/transactions", String(item["id"]));

    const { code, report } = await reconcile("--apply", "--types", "v1/memberships,v1/transactions");
    expect(found(report)).toEqual([
      `extra v1/memberships ${String(gone?.["id"])} reported`,
      `extra v1/transactions ${String(within["id"])} reported`,
    ]);
    expect(code).toBe(1);
    expect(await events()).toHaveLength(5);
  });
});

describe("a long run", () => {
  it("that is cut short is run again: what is missing comes, and nothing twice", async () => {
    const count = 150;
    for (let made = 0; made < count; made += 1) bank.bank.make("v1/clients");
    let posted = 0;
    const cutShort: QontoProgram = new QontoProgram(line("--apply", "--types", "v1/clients"), access(), {
      world: {
        fetch: (input, init) => {
          if (init?.method === "POST" && (posted += 1) === 30) cutShort.interrupt();
          return fetch(input, init);
        },
      },
    });
    expect((await cutShort.ended).code).toBe(130);
    expect(posted).toBeLessThan(count);
    const { code, report } = await reconcile("--apply", "--types", "v1/clients");
    expect([code, report.types[0].listed]).toEqual([0, count]);
    await settled(count);
    await expectStateOfBank(["v1/clients"]);
    expect(new Set(destination.received.map(({ headers }) => headers["webhook-id"])).size).toBe(count);
    expect(destination.received).toHaveLength(count);
  });

  it("waits where the rate limit asks for it", async () => {
    let nowMs = Date.now();
    const waits: number[] = [];
    const wait = async (ms: number) => {
      waits.push(ms);
      nowMs += ms;
    };
    const now = () => nowMs;
    await reopenBank({ limits: [{ requests: 4, milliseconds: 1_000 }], now });
    const missing = makeThings();
    const { stdout } = await qonto(line(), access(), { world: { now, elapsedMs: now, wait } });
    expect(found(JSON.parse(stdout))).toEqual(missing.map((one) => `${one} reported`));
    expect(waits).toContain(1_000);
  });

  it("asks in shorter times when there is more than Qonto lists; what has no time to ask by is a fault", async () => {
    await reopenBank({ mostResults: 100 });
    for (let made = 0; made < 130; made += 1) {
      bank.bank.make("v1/transactions", { updated_at: new Date(Date.parse(LONG_AGO) + made * 60_000).toISOString() });
    }
    for (let made = 0; made < 101; made += 1) bank.bank.make("v1/products");
    bank.bank.make("v1/transfers");
    const { code, report } = await reconcile("--types", "v1/transactions,v1/products,v1/transfers");
    const byType = Object.fromEntries(report.types.map((one: { type: string }) => [one.type, one]));
    expect(byType["v1/transactions"]).toMatchObject({ listed: 130, missing: 130, fault: null });
    expect(byType["v1/transfers"]).toMatchObject({ listed: 1, missing: 1, fault: null });
    expect(byType["v1/products"]).toMatchObject({
      missing: 100,
      extra: 0,
      fault: expect.stringContaining("no more than"),
    });
    expect(code).toBe(1);
  });

  describe("that is shown 100 of 101, one of them twice", () => {
    /** Shows the last item of page 1 instead of what is on page 2, so many times. */
    const repeating = (times: number): typeof fetch => {
      let left = times;
      let last: unknown;
      return async (input, init) => {
        const answer = await fetch(input, init);
        const url = new URL(input instanceof Request ? input.url : input);
        if (url.pathname !== "/v2/transactions") return answer;
        const { transactions, meta } = z
          .object({ transactions: z.array(z.unknown()), meta: z.unknown() })
          .parse(await answer.json());
        const isToRepeat = url.searchParams.get("page") === "2" && (left -= 1) >= 0;
        if (!isToRepeat) last = transactions.at(-1);
        return Response.json({ transactions: isToRepeat ? [last] : transactions, meta });
      };
    };
    const run = async (times: number) => {
      for (let made = 0; made < 101; made += 1) bank.bank.make("v1/transactions", { updated_at: LONG_AGO });
      for (const item of bank.bank.all("v1/transactions")) await webhook("v1/transactions", item, LONG_AGO);
      await settled(101);
      const world = { fetch: repeating(times) };
      const { code, stdout } = await qonto(line("--types", "v1/transactions"), access(), { world });
      const pages = bank.calls.filter((call) => call.includes("/v2/transactions?")).length;
      return { code, pages, report: JSON.parse(stdout) };
    };

    it("each time: says so", async () => {
      const { code, pages, report } = await run(Infinity);
      expect(report).toMatchObject({
        balanced: false,
        types: [{ listed: 100, missing: 0, extra: 0, fault: "Qonto lists 100 of 101; it was read 3 times." }],
      });
      expect([code, pages]).toEqual([1, 6]);
    });

    it("once: reads again, and is in balance", async () => {
      const { code, pages, report } = await run(1);
      expect(report).toMatchObject({ balanced: true, types: [{ listed: 101, fault: null }] });
      expect([code, pages]).toEqual([0, 4]);
    });
  });

  it("goes on with the other types when the token may not see one", async () => {
    bank.faults.forbidden = "/v2/cards";
    bank.bank.make("v1/clients");
    const { code, report } = await reconcile("--apply", "--types", "v1/cards,v1/clients");
    expect(report.types).toEqual([
      expect.objectContaining({ type: "v1/cards", fault: expect.stringContaining("403") }),
      expect.objectContaining({ type: "v1/clients", missing: 1, fault: null }),
    ]);
    expect(report.balanced).toBe(false);
    expect(code).toBe(1);
    await settled(1);
  });

  it("that is interrupted says how it is taken up", async () => {
    bank.faults.paths.set("/v2/cards", { answer: "hangs" });
    const program = new QontoProgram(["reconcile", "--since", "2020-01-01", "--apply"], access());
    await vi.waitUntil(() => bank.calls.some((call) => call.includes("/v2/cards")), { timeout: 30_000, interval: 20 });
    program.interrupt();
    const { code, stderr } = await program.ended;
    expect(stderr).toMatch(
      /^Interrupted\. Go on with: .* --since 2020-01-01T00:00:00\.000Z --types v1\/cards,.* --apply\n$/,
    );
    expect(code).toBe(130);
    expect((await events()).length).toBe(2);
  });

  it("that cannot go on says how it is taken up", async () => {
    bank.bank.make("v1/clients");
    const { code, stderr } = await qonto(line("--apply", "--types", "v1/clients,v1/products"), {
      ...access(),
      QONTO_WEBHOOK_SECRETS: "another-secret",
    });
    expect(code).toBe(1);
    expect(stderr).toContain("does not know the secret");
    expect(stderr).toContain("reconcile --since 2020-01-01T00:00:00.000Z --types v1/clients,v1/products --apply");
    expect(await events()).toEqual([]);
  });
});

it("a person is shown what differs, and how much", async () => {
  const { id } = bank.bank.make("v1/beneficiaries");
  const { stdout, code } = await qonto(["reconcile", "--since", "3d", "--types", "v1/beneficiaries"], access());
  expect(stdout).toMatch(new RegExp(`v1/beneficiaries +${String(id)} +missing +\\S+ +– +reported`));
  expect(stdout).toContain("1 difference, 0 applied. --apply sends");
  expect(code).toBe(1);
});

it.each([
  ["a type that Qonto does not list", ["--types", "v1/terminal-payments"], "does not list v1/terminal-payments", {}],
  ["no secret to sign with", ["--apply"], "QONTO_WEBHOOK_SECRETS is not set", { QONTO_WEBHOOK_SECRETS: " " }],
  ["no access token", [], "QONTO_ACCESS_TOKEN is not set", { QONTO_ACCESS_TOKEN: "" }],
])("wrong usage ends with 2: %s", async (_title, more, sentence, changes: Record<string, string>) => {
  const environment = { ...access(), RELAY_URL: "https://relay.example.com", ...changes };
  const { code, stderr, stdout } = await qonto(line(...more), environment);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(sentence);
});
