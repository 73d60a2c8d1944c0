import { expect, it } from "vitest";
import { judge } from "../../../../src/cli/commands/reconcile/compare.ts";
import { type Instant, parseInstant } from "../../../../src/domain/instant.ts";

const instant = (text: string): Instant => {
  const parsed = parseInstant(text);
  if (parsed === null) throw new Error(`${text} is no instant`);
  return parsed;
};

const AS_OF = instant("2026-03-01T12:00:00Z");
const OLD = "2026-02-01T10:00:00Z";
const NEW = "2026-02-01T10:00:01Z";

const known = (data: { [field: string]: unknown }, version_at: string | null = null, deleted = false) => ({
  resource_id: "r1",
  event_id: "e1",
  deleted,
  version_at: version_at ?? (typeof data["updated_at"] === "string" ? data["updated_at"] : null),
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
  expect(judge(item, relay, AS_OF)).toEqual({ state: "in_balance" });
});

it.each([
  ["with its date", { updated_at: OLD }, { by: "updated_at", at: instant(OLD) }],
  ["without one", { a: 1 }, { by: "as_of" }],
  ["with one that is none", { updated_at: "2026-11-31" }, { by: "as_of" }],
])("missing is what the relay does not know, %s", (_title, item, version) => {
  expect(judge(item, null, AS_OF)).toEqual({ state: "missing", version });
});

const byDate = { by: "updated_at", at: instant(NEW) };
const asOf = { by: "as_of" };
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
  expect(judge(item, relay, AS_OF)).toEqual({ state: "drifted", version, fields });
});

it("drifted is another content of the same second, if it is the later one", () => {
  const later = { updated_at: "2026-02-01T10:00:00.700Z", a: 1 };
  expect(judge(later, known({ updated_at: OLD, a: 2 }), AS_OF)).toMatchObject({ state: "drifted", fields: ["a"] });
});
