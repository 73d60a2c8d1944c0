import { describe, expect, it } from "vitest";
import { isReconciled } from "../../../src/domain/event.ts";
import { type Instant, parseInstant } from "../../../src/domain/instant.ts";
import { parseJsonLosslessly, tryParseJson } from "../../../src/platform/json.ts";
import { readEnvelope } from "../../../src/qonto/envelope.ts";
import { readResource } from "../../../src/qonto/resource.ts";
import {
  type Differing,
  type Known,
  compareGone,
  compareItems,
  differingFields,
  judge,
  reconciledEvent,
} from "../../../src/reconciliation/compare.ts";

const instant = (text: string): Instant => {
  const parsed = parseInstant(text);
  if (parsed === null) throw new Error(`${text} is no instant`);
  return parsed;
};

describe("a resource of both sides", () => {
  const AS_OF = instant("2026-03-01T12:00:00Z");
  const OLD = "2026-02-01T10:00:00Z";
  const NEW = "2026-02-01T10:00:01Z";

  const TYPE = "v1/clients";

  const known = (data: { [field: string]: unknown }, versionAt: string | null = null, deleted = false): Known => ({
    resourceId: "r1",
    eventId: "e1",
    createdAt: null,
    deleted,
    versionAt: versionAt ?? (typeof data["updated_at"] === "string" ? data["updated_at"] : null),
    data,
  });

  it.each([
    ["the same version", { updated_at: OLD, a: 1 }, known({ updated_at: OLD, a: 1 })],
    [
      "the same version, written with its fraction",
      { updated_at: "2026-02-01T10:00:00.700Z" },
      known({ updated_at: OLD }),
    ],
    [
      "the same version of which the API shows a field in another way",
      { updated_at: OLD, a: 1 },
      known({ updated_at: OLD, a: 2 }),
    ],
    ["a relay that is ahead", { updated_at: OLD, a: 1 }, known({ updated_at: NEW, a: 2 })],
    ["a relay that is ahead with a deletion", { updated_at: OLD, a: 1 }, known({ updated_at: NEW }, null, true)],
    ["the same without a date", { a: 1, b: 2 }, known({ a: 1 }, OLD)],
    ["what the relay has heard since the run began", { a: 1 }, known({ a: 2 }, AS_OF.iso)],
  ])("in balance is %s", (_title, item, relay) => {
    expect(judge(TYPE, item, relay, AS_OF)).toEqual({ state: "in_balance" });
  });

  it.each([
    ["with its date", { updated_at: OLD }, instant(OLD)],
    ["without one", { a: 1 }, null],
    ["with one that is none", { updated_at: "2026-11-31" }, null],
  ])("missing is what the relay does not know, %s", (_title, item, version) => {
    expect(judge(TYPE, item, null, AS_OF)).toEqual({ state: "missing", version });
  });

  const byDate = instant(NEW);
  const asOf = null;
  it.each([
    ["a later version", { updated_at: NEW, a: 1 }, known({ updated_at: OLD, a: 2 }), byDate, ["a"]],
    [
      "a later version that differs in no field that both know",
      { updated_at: NEW },
      known({ updated_at: OLD }),
      byDate,
      [],
    ],
    ["a later version of what was deleted", { updated_at: NEW }, known({ updated_at: OLD }, null, true), byDate, []],
    ["another content, without a date", { a: 1 }, known({ a: 2 }, OLD), asOf, ["a"]],
    ["another content that nobody can date", { a: 1 }, known({ a: 2 }), asOf, ["a"]],
    ["another content that only the bank dates", { a: 1, updated_at: OLD }, known({ a: 2 }, NEW), asOf, ["a"]],
    ["what the relay has as deleted, without a date", { a: 1 }, known({}, OLD, true), asOf, []],
  ])("drifted is %s", (_title, item, relay, version, fields) => {
    expect(judge(TYPE, item, relay, AS_OF)).toEqual({ state: "drifted", version, fields });
  });

  it("another content of the same second has drifted if it is the later one", () => {
    const later = { updated_at: "2026-02-01T10:00:00.700Z", a: 1 };
    const relay = known({ updated_at: OLD, a: 2 });
    expect(judge(TYPE, later, relay, AS_OF)).toMatchObject({ state: "drifted", fields: ["a"] });
  });

  describe("that is an account", () => {
    const item = { updated_at: OLD, balance: 1 };
    const judgeAccount = (relay: Known) => judge("v1/accounts", item, relay, AS_OF);

    it("has drifted where its contents differ, though its date is the same", () => {
      const drifted = { state: "drifted", version: null, fields: ["balance"] };
      expect(judgeAccount(known({ updated_at: OLD, balance: 2 }))).toEqual(drifted);
      expect(judgeAccount({ ...known({ updated_at: OLD, balance: 2 }), createdAt: NEW })).toEqual(drifted);
    });

    it.each([
      ["with the same contents", known({ updated_at: OLD, balance: "1.00" })],
      ["of which the relay has a later date", known({ updated_at: NEW, balance: 2 })],
      [
        "of which an event was created since the run began",
        { ...known({ updated_at: OLD, balance: 2 }), createdAt: AS_OF.iso },
      ],
    ])("is in balance %s", (_title, relay) => {
      expect(judgeAccount(relay)).toEqual({ state: "in_balance" });
    });
  });
});

describe("the fields that differ", () => {
  /** As the commands read them, with numbers as they were written. */
  const read = (text: string) => Object(parseJsonLosslessly(text));

  it.each([
    ["a text", '{"a":"x"}', '{"a":"x"}'],
    ["a field that only one side shows", '{"a":1,"b":2}', '{"a":1,"c":3}'],
    [
      "what happened, and when",
      '{"event":"created","updated_at":"2026-01-01"}',
      '{"event":"updated","updated_at":"2026"}',
    ],
    ["fields in another order, however deep", '{"a":{"x":1,"y":[{"p":1,"q":2}]}}', '{"a":{"y":[{"q":2,"p":1}],"x":1}}'],
    ["a field deep inside that only one side shows", '{"a":{"x":1,"y":2}}', '{"a":{"x":1}}'],
    ["an amount as a number and as a text", '{"a":50.01}', '{"a":"50.01"}'],
    ["an amount with its currency and without", '{"a":{"amount":"1000.00","currency":"EUR"}}', '{"a":1000.0}'],
    ["an amount with other zeros", '{"a":100.00,"b":"007.50","c":0}', '{"a":100,"b":7.5,"c":0.00}'],
    ["an instant written in another way", '{"a":"2026-01-01T10:00:00Z"}', '{"a":"2026-01-01T11:00:00.000+01:00"}'],
    [
      "an instant as Unix seconds",
      '{"a":1764410700,"b":"2025-11-29 10:05:00 UTC"}',
      '{"a":"2025-11-29T10:05Z","b":1764410700}',
    ],
    ["nothing on both sides", '{"a":null}', '{"a":null}'],
  ])("does not differ: %s", (_title, one, other) => {
    expect(differingFields(read(one), read(other))).toEqual([]);
    expect(differingFields(read(other), read(one))).toEqual([]);
  });

  it.each([
    ["another text", '{"a":"x","b":1}', '{"a":"y","b":1}'],
    ["another number", '{"a":100.10}', '{"a":100.01}'],
    ["numbers that are the same only as floating point", '{"a":9007199254740993}', '{"a":9007199254740992}'],
    ["an amount a thousand times as large", '{"a":1764410700}', '{"a":1764410700000}'],
    ["ten and one hundred", '{"a":10}', '{"a":100}'],
    ["nothing and something", '{"a":null}', '{"a":""}'],
    ["a truth value and its text", '{"a":true}', '{"a":"true"}'],
    ["another amount with its currency", '{"a":{"amount":"1000.00","currency":"EUR"}}', '{"a":1000.01}'],
    ["an amount of something else", '{"a":{"amount":"5","unit":"EUR"}}', '{"a":5}'],
    ["a list that is longer", '{"a":[1]}', '{"a":[1,2]}'],
    ["a list in another order", '{"a":[1,2]}', '{"a":[2,1]}'],
    ["something deep inside", '{"a":{"x":{"y":1}}}', '{"a":{"x":{"y":2}}}'],
    ["an id in another's place", '{"a":"x"}', '{"a":{"id":"x"}}'],
    ["another instant", '{"a":"2026-01-01T10:00:00Z"}', '{"a":"2026-01-01T10:00:00+01:00"}'],
  ])("differs: %s", (_title, one, other) => {
    expect(differingFields(read(one), read(other))).toEqual(["a"]);
    expect(differingFields(read(other), read(one))).toEqual(["a"]);
  });
});

describe("the event of a difference", () => {
  const AT = "2026-02-01T10:00:00Z";
  const byDate = (at = AT) => instant(at);

  const dated = (changes: Partial<Differing> = {}): Differing => ({
    type: "v1/clients",
    organizationId: "o1",
    item: { id: "c1", name: "Acme", updated_at: AT },
    judgement: { state: "missing", version: byDate() },
    known: null,
    asOf: instant("2026-03-01T12:00:00Z"),
    ...changes,
  });

  const undated = (eventId: string): Known => ({
    resourceId: "m1",
    deleted: false,
    versionAt: AT,
    eventId,
    createdAt: AT,
    data: { id: "m1", role: "manager" },
  });

  const dateless = (changes: Partial<Differing> = {}): Differing => ({
    ...dated(),
    type: "v1/memberships",
    item: { id: "m1", role: "owner" },
    judgement: { state: "drifted", version: null, fields: ["role"] },
    known: undated("e1"),
    ...changes,
  });

  const later = { asOf: instant("2026-03-02T12:00:00Z") };
  const idsOf = async (...differences: Differing[]) =>
    new Set((await Promise.all(differences.map(reconciledEvent))).map(({ id }) => id)).size;

  it("has the same id and body in every run when the resource has a date", async () => {
    expect(await reconciledEvent(dated(later))).toEqual(await reconciledEvent(dated()));
    expect(
      await idsOf(
        dated(),
        dated({ judgement: { state: "missing", version: byDate("2026-02-01T11:00:00.000+01:00") } }),
      ),
    ).toBe(1);
  });

  it("has another id for each organization, type, resource and version", async () => {
    const others = [
      dated({ organizationId: "o2" }),
      dated({ type: "v1/products" }),
      dated({ item: { id: "c2", updated_at: AT } }),
      dated({ judgement: { state: "missing", version: byDate("2026-02-01T10:00:01Z") } }),
    ];
    expect(await idsOf(dated(), ...others)).toBe(5);
  });

  it("has the same id in every run for the same content and the same replaced event, without a date", async () => {
    expect(await idsOf(dateless(), dateless(later), dateless({ item: { role: "owner", id: "m1" } }))).toBe(1);
    expect(
      await idsOf(dateless(), dateless({ item: { id: "m1", role: "manager" } }), dateless({ known: undated("e2") })),
    ).toBe(3);
  });

  it("is an event that the relay reads, marked by its id", async () => {
    const { id, body } = await reconciledEvent(dated());
    expect(id).toMatch(/^reconciled_[0-9a-f]{32}$/);
    expect(isReconciled({ id })).toBe(true);
    expect(readEnvelope("business", tryParseJson(body))).toMatchObject({
      id,
      type: "v1/clients",
      event: "created",
      organizationId: "o1",
      resourceId: "c1",
    });
  });

  function versionOf(body: string): string {
    const envelope = readEnvelope("business", tryParseJson(body));
    const version = envelope === null ? undefined : readResource(envelope)?.version;
    if (version === undefined) throw new Error("No version");
    return version;
  }

  const webhook = (data: object, created_at: string) =>
    JSON.stringify({ id: "0", type: "v1/clients", organization_id: "o1", created_at, data });

  it("is older than the webhook of the same version, and newer than an older version", async () => {
    const { body } = await reconciledEvent(dated());
    expect(versionOf(webhook({ id: "c1", updated_at: AT }, "2026-02-01T10:00:01Z")) > versionOf(body)).toBe(true);
    const older = webhook({ id: "c1", updated_at: "2026-02-01T09:59:59Z" }, "2026-02-01T10:00:05Z");
    expect(versionOf(older) < versionOf(body)).toBe(true);
  });

  it("is dated by the beginning of the run without a date, also where only the bank has one", async () => {
    const item = { id: "c1", updated_at: AT };
    const { body } = await reconciledEvent(dateless({ type: "v1/clients", item }));
    expect(Object(JSON.parse(body)).data).toEqual({ id: "c1", event: "updated" });
    expect(versionOf(webhook({ id: "c1" }, "2026-03-01T11:59:59Z")) < versionOf(body)).toBe(true);
    expect(versionOf(webhook({ id: "c1" }, "2026-03-01T12:00:01Z")) > versionOf(body)).toBe(true);
  });

  it("of an account keeps its date, and replaces what was created before, and nothing that was created later", async () => {
    const item = { id: "a1", balance: 2, updated_at: AT };
    const known = { ...undated("e1"), data: { id: "a1", balance: 1, updated_at: AT } };
    const { id, body } = await reconciledEvent(dateless({ type: "v1/accounts", item, known }));
    expect(Object(JSON.parse(body)).data).toEqual({ ...item, event: "updated" });
    const at = (created_at: string) => versionOf(webhook(item, created_at).replace("v1/clients", "v1/accounts"));
    expect(at("2026-03-01T11:59:59Z") < versionOf(body)).toBe(true);
    expect(at("2026-03-01T12:00:01Z") > versionOf(body)).toBe(true);
    expect((await reconciledEvent(dateless({ type: "v1/accounts", item, known, ...later }))).id).toBe(id);
  });

  it("keeps amounts as Qonto wrote them", async () => {
    const item = Object(parseJsonLosslessly('{"id":"c1","amount":100.00}'));
    expect((await reconciledEvent(dated({ item }))).body).toContain('"amount":100.00');
  });

  const drifted = { state: "drifted", version: byDate(), fields: [] } as const;
  it.each([
    ["v1/clients", "active", dated().judgement, "created"],
    ["v1/clients", "active", drifted, "updated"],
    ["v1/transfers", "settled", dated().judgement, "settled"],
    ["v1/transfers", "pending", drifted, "updated"],
    ["v1/cards", "discarded", drifted, "discarded"],
    ["v1/client-invoices", "paid", drifted, undefined],
  ])("says what happened to one of %s that is %s", async (type, status, judgement, event) => {
    const { body } = await reconciledEvent(dated({ type, item: { id: "x", status }, judgement }));
    expect(Object(JSON.parse(body)).data.event).toBe(event);
  });
});

it("items are compared with what the relay knows of each, and those that differ have an event", async () => {
  const asOf = instant("2026-03-01T12:00:00Z");
  const [old, recent] = ["2026-02-01T10:00:00Z", "2026-02-02T10:00:00Z"];
  const known = (resourceId: string, name: string): [string, Known] => {
    const data = { id: resourceId, name, updated_at: old };
    const eventId = `event-of-${resourceId}`;
    return [resourceId, { resourceId, deleted: false, versionAt: old, eventId, createdAt: old, data }];
  };
  const items = [
    { id: "same", name: "Acme", updated_at: old },
    { id: "drifted", name: "Acme SAS", updated_at: recent },
    { id: "missing", name: "Bolt", updated_at: "2026-02-01T11:00:00+01:00" },
    { id: "missing-undated", name: "Nut" },
  ];
  const knownById = new Map([known("same", "Acme"), known("drifted", "Acme"), known("not-listed", "Other")]);
  const differences = await compareItems("v1/clients", items, knownById, { organizationId: "o1", asOf });
  expect(differences.map(({ difference }) => difference)).toEqual([
    {
      type: "v1/clients",
      resourceId: "drifted",
      state: "drifted",
      fields: ["name"],
      bankUpdatedAt: recent,
      changedAt: recent,
      relayVersionAt: old,
    },
    {
      type: "v1/clients",
      resourceId: "missing",
      state: "missing",
      fields: [],
      bankUpdatedAt: old,
      changedAt: old,
      relayVersionAt: null,
    },
    {
      type: "v1/clients",
      resourceId: "missing-undated",
      state: "missing",
      fields: [],
      bankUpdatedAt: null,
      changedAt: null,
      relayVersionAt: null,
    },
  ]);
  const bodies = differences.map(({ event }) => Object(JSON.parse(event.body)));
  expect(bodies.map(({ data }) => data.id)).toEqual(["drifted", "missing", "missing-undated"]);
  expect(bodies.map(({ created_at }) => created_at)).toEqual([recent, old, asOf.iso]);
});

describe("a resource that Qonto says is gone", () => {
  const asOf = instant("2026-03-01T12:00:00Z");
  const [old, recent] = ["2026-02-01T10:00:00Z", "2026-02-02T10:00:00Z"];
  const known: Known = {
    resourceId: "c1",
    deleted: false,
    versionAt: old,
    eventId: "e1",
    createdAt: old,
    data: { event: "updated", id: "c1", balance: JSON.rawJSON("100.00"), updated_at: old },
  };
  const compare = (...gone: Known[]) => compareGone("v1/clients", gone, { organizationId: "o1", asOf });

  it("is deleted as of the beginning of the run, with what the relay knew", async () => {
    const [found] = await compare(known);
    expect(found?.difference).toEqual({
      type: "v1/clients",
      resourceId: "c1",
      state: "deleted",
      fields: [],
      bankUpdatedAt: null,
      changedAt: null,
      relayVersionAt: old,
    });
    const { id, body } = found?.event ?? {};
    expect(body).toBe(
      `{"id":"${id}","organization_id":"o1","type":"v1/clients","created_at":"2026-03-01T12:00:00Z",` +
        `"data":{"event":"deleted","id":"c1","balance":100.00}}`,
    );
    const envelope = readEnvelope("business", tryParseJson(body ?? ""));
    expect(envelope && readResource(envelope)).toMatchObject({ deleted: true, versionAt: asOf.iso, eventId: id });
  });

  it("has the same event in each run, and another when it is gone a second time", async () => {
    const [first] = await compare(known);
    const later = { organizationId: "o1", asOf: instant("2026-03-01T13:00:00Z") };
    const [again] = await compareGone("v1/clients", [known], later);
    const [second] = await compare({ ...known, eventId: "e2", versionAt: recent });
    expect(again?.event.id).toBe(first?.event.id);
    expect(second?.event.id).not.toBe(first?.event.id);
  });

  it("is no difference where the relay knows that, or has received something since the run began", async () => {
    expect(await compare({ ...known, deleted: true }, { ...known, versionAt: asOf.iso })).toEqual([]);
    expect(await compare({ ...known, versionAt: null })).toHaveLength(1);
  });
});

it("the id of an event is the one that earlier releases made", async () => {
  const item = { id: "c1", name: "Acme", updated_at: "2026-02-01T10:00:00Z" };
  const context = { organizationId: "o1", asOf: instant("2026-03-01T12:00:00Z") };
  const [dated] = await compareItems("v1/clients", [item], new Map(), context);
  const [undated] = await compareItems("v1/memberships", [{ id: "m1", role: "owner" }], new Map(), context);
  expect([dated?.event.id, undated?.event.id]).toEqual([
    "reconciled_3a7bde72bce661042674a836d869cb72",
    "reconciled_dcde9af58734187837be4022c8bdefff",
  ]);
});
