import { expect, it } from "vitest";
import { type Differing, reconciledEvent } from "../../../../src/cli/commands/reconcile/compare.ts";
import { type Instant, parseInstant } from "../../../../src/domain/instant.ts";
import { isReconciled } from "../../../../src/domain/event.ts";
import { parseJsonLosslessly, tryParseJson } from "../../../../src/platform/json.ts";
import { readEnvelope } from "../../../../src/qonto/envelope.ts";
import { readResource } from "../../../../src/qonto/resource.ts";

const instant = (text: string): Instant => {
  const parsed = parseInstant(text);
  if (parsed === null) throw new Error(`${text} is no instant`);
  return parsed;
};

const AT = "2026-02-01T10:00:00Z";
const byDate = (at = AT) => ({ by: "updated_at", at: instant(at) }) as const;
const asOf = { by: "as_of" } as const;

const dated = (changes: Partial<Differing> = {}): Differing => ({
  type: "v1/clients",
  organizationId: "o1",
  item: { id: "c1", name: "Acme", updated_at: AT },
  judgement: { state: "missing", version: byDate() },
  supersedes: null,
  asOf: instant("2026-03-01T12:00:00Z"),
  ...changes,
});

const dateless = (changes: Partial<Differing> = {}): Differing => ({
  ...dated(),
  type: "v1/memberships",
  item: { id: "m1", role: "owner" },
  judgement: { state: "drifted", version: asOf, fields: ["role"] },
  supersedes: "e1",
  ...changes,
});

const later = { asOf: instant("2026-03-02T12:00:00Z") };
const idsOf = (...differences: Differing[]) => new Set(differences.map((one) => reconciledEvent(one).id)).size;

it("has the same id and body in every run, when the thing bears a date", () => {
  expect(reconciledEvent(dated(later))).toEqual(reconciledEvent(dated()));
  expect(
    idsOf(dated(), dated({ judgement: { state: "missing", version: byDate("2026-02-01T11:00:00.000+01:00") } })),
  ).toBe(1);
});

it("has another id for each organization, type, resource and version", () => {
  const others = [
    dated({ organizationId: "o2" }),
    dated({ type: "v1/products" }),
    dated({ item: { id: "c2", updated_at: AT } }),
    dated({ judgement: { state: "missing", version: byDate("2026-02-01T10:00:01Z") } }),
  ];
  expect(idsOf(dated(), ...others)).toBe(5);
});

it("has the same id in every run for the same content in the place of the same event, when there is no date", () => {
  expect(idsOf(dateless(), dateless(later), dateless({ item: { role: "owner", id: "m1" } }))).toBe(1);
  expect(idsOf(dateless(), dateless({ item: { id: "m1", role: "manager" } }), dateless({ supersedes: "e2" }))).toBe(3);
});

it("is an event that the relay reads, marked by its id", () => {
  const { id, body } = reconciledEvent(dated());
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

it("gives way to the webhook of the same version, and is newer than an older one", () => {
  const { body } = reconciledEvent(dated());
  expect(versionOf(webhook({ id: "c1", updated_at: AT }, "2026-02-01T10:00:01Z")) > versionOf(body)).toBe(true);
  const older = webhook({ id: "c1", updated_at: "2026-02-01T09:59:59Z" }, "2026-02-01T10:00:05Z");
  expect(versionOf(older) < versionOf(body)).toBe(true);
});

it("is of the run's beginning without a date, also where the bank has one and the relay does not", () => {
  const item = { id: "c1", updated_at: AT };
  const { body } = reconciledEvent(dateless({ type: "v1/clients", item }));
  expect(Object(JSON.parse(body)).data).toEqual({ id: "c1", event: "updated" });
  expect(versionOf(webhook({ id: "c1" }, "2026-03-01T11:59:59Z")) < versionOf(body)).toBe(true);
  expect(versionOf(webhook({ id: "c1" }, "2026-03-01T12:00:01Z")) > versionOf(body)).toBe(true);
});

it("keeps amounts as Qonto wrote them", () => {
  const item = Object(parseJsonLosslessly('{"id":"c1","amount":100.00}'));
  expect(reconciledEvent(dated({ item })).body).toContain('"amount":100.00');
});

const drifted = { state: "drifted", version: byDate(), fields: [] } as const;
it.each([
  ["v1/clients", "active", dated().judgement, "created"],
  ["v1/clients", "active", drifted, "updated"],
  ["v1/transfers", "settled", dated().judgement, "settled"],
  ["v1/transfers", "pending", drifted, "updated"],
  ["v1/cards", "discarded", drifted, "discarded"],
  ["v1/client-invoices", "paid", drifted, undefined],
])("says what happened to one of %s that is %s", (type, status, judgement, event) => {
  const { body } = reconciledEvent(dated({ type, item: { id: "x", status }, judgement }));
  expect(Object(JSON.parse(body)).data.event).toBe(event);
});
