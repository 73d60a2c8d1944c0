import { describe, expect, it } from "vitest";
import { readEnvelope } from "../../../src/qonto/envelope.ts";
import { type ResourceSnapshot, readResource } from "../../../src/qonto/resource.ts";
import { permutations } from "../support/permutations.ts";
import { type SampleType } from "../../../src/qonto/sample-event.ts";
import { makePayload } from "../../support/qonto.ts";

function snapshot(type: SampleType | (string & {}), changes: { id?: string; created_at?: unknown; data?: object }) {
  const base = { id: "e", type, organization_id: "org-1", created_at: "2025-01-01T00:00:00Z", ...changes };
  const envelope = readEnvelope("business", { ...base, data: { id: "r1", ...changes.data } });
  const resource = envelope && readResource(envelope);
  if (resource === null) throw new Error("unreadable");
  return resource;
}

/** The one that is left when each replaces the last kept if it is newer. */
function survivor(order: readonly ResourceSnapshot[]): string | undefined {
  return order.reduce<ResourceSnapshot | undefined>(
    (kept, next) => (kept === undefined || next.version > kept.version ? next : kept),
    undefined,
  )?.eventId;
}

describe("the version rule", () => {
  it.each([
    [
      "the later updated_at wins over the later created_at",
      "v1/transactions",
      [
        { id: "winner", created_at: "2025-01-01T00:00:00Z", data: { updated_at: "2025-01-03T00:00:00Z" } },
        { id: "loser", created_at: "2025-01-09T00:00:00Z", data: { updated_at: "2025-01-02T00:00:00Z" } },
      ],
    ],
    [
      "instants are compared, not texts",
      "v1/transactions",
      [
        { id: "winner", data: { updated_at: "2025-01-01T00:30:00Z" } },
        { id: "loser", data: { updated_at: "2025-01-01T01:00:00+01:00" } },
        { id: "loser2", data: { updated_at: "2024-12-31T23:59:59.999Z" } },
      ],
    ],
    [
      "instants are compared however they are written",
      "v1/transactions",
      [
        { id: "e-winner", data: { updated_at: "2026-11-29 10:06:00 UTC" } },
        { id: "loser1", data: { updated_at: "2026-11-29T10:05Z" } },
        { id: "loser2", data: { updated_at: "2026-11-29 11:05:30 +0100" } },
        { id: "loser3", data: { updated_at: Date.parse("2026-11-29T10:05:59Z") / 1000 } },
        { id: "loser4", data: { updated_at: "2016-12-31T23:59:60Z" } },
      ],
    ],
    [
      "milliseconds count",
      "v1/accounts",
      [
        { id: "loser", data: { updated_at: "2025-01-01T00:00:00Z" } },
        { id: "winner", data: { updated_at: "2025-01-01T00:00:00.001Z" } },
      ],
    ],
    [
      "at the same updated_at the later created_at wins",
      "v1/transactions",
      [
        { id: "loser", created_at: "2025-01-01T00:00:00Z", data: { updated_at: "2025-01-01T00:00:00Z" } },
        { id: "winner", created_at: "2025-01-01T00:00:01Z", data: { updated_at: "2025-01-01T00:00:00Z" } },
      ],
    ],
    [
      "at the same instants the lifecycle decides",
      "v1/transfers",
      [
        { id: "e1", data: { event: "created" } },
        { id: "e3-winner", data: { event: "settled" } },
        { id: "e2", data: { event: "processing" } },
        { id: "e9", data: { event: "something_new" } },
      ],
    ],
    [
      "a returned collection stays returned",
      "v1/sepa-direct-debit-collections",
      [
        { id: "e9", data: { event: "completed" } },
        { id: "e1-winner", data: { event: "returned" } },
        { id: "e5", data: { event: "on_hold" } },
      ],
    ],
    [
      "an event named with its prefix ranks as without",
      "v1/beneficiaries",
      [
        { id: "e9", data: { event: "beneficiaries.created" } },
        { id: "e1-winner", data: { event: "beneficiaries.updated" } },
      ],
    ],
    [
      "an event without a name ranks first",
      "v1/client-invoices",
      [
        { id: "e9", data: {} },
        { id: "e1-winner", data: { event: "created" } },
      ],
    ],
    [
      "at a full tie the event id decides",
      "v1/client-invoices",
      [
        { id: "e1", data: {} },
        { id: "e2-winner", data: {} },
      ],
    ],
    [
      "a date that is none counts as absent",
      "v1/cards",
      [
        { id: "loser", created_at: "2025-01-01T00:00:00Z", data: { updated_at: "2025-11-31T00:00:00Z" } },
        { id: "winner", created_at: "2025-01-01T00:00:00Z", data: { updated_at: "2025-01-02T00:00:00Z" } },
      ],
    ],
    [
      "an event with a date wins over one without any",
      "v1/cards",
      [
        { id: "loser", created_at: "never", data: {} },
        { id: "winner", created_at: "2001-01-01T00:00:00Z", data: {} },
      ],
    ],
    [
      "without updated_at the envelope's created_at dates the resource",
      "v1/memberships",
      [
        { id: "loser", created_at: "2025-01-01T00:00:00Z", data: {} },
        { id: "winner", created_at: "2025-01-01T00:00:01Z", data: {} },
      ],
    ],
    [
      "a consent revocation is dated by revoked_at",
      "v1/consent-revocations",
      [
        { id: "winner", created_at: "2025-01-01T00:00:00Z", data: { revoked_at: "2025-06-01T00:00:00Z" } },
        { id: "loser", created_at: "2025-02-01T00:00:00Z", data: { revoked_at: "2025-01-01T00:00:00Z" } },
      ],
    ],
    [
      "a deletion outranks a change of the same instant",
      "v1/clients",
      [
        { id: "e9", data: { event: "updated" } },
        { id: "e1-winner", data: { event: "deleted" } },
        { id: "e5", data: { event: "created" } },
      ],
    ],
    [
      "types that nobody has heard of follow it as well",
      "v9/unheard-of",
      [
        { id: "loser", data: { updated_at: "2025-01-01T00:00:00Z", event: "deleted" } },
        { id: "winner", data: { updated_at: "2025-01-02T00:00:00Z", event: "created" } },
      ],
    ],
  ])("%s, in any order of arrival", (_title, type, changes) => {
    const snapshots = changes.map((change) => snapshot(type, change));
    for (const order of permutations(snapshots)) {
      expect(survivor(order)).toMatch(/winner/);
      expect(survivor([...order, ...order])).toMatch(/winner/);
    }
  });

  it("orders any two different events strictly", () => {
    const instants = ["2025-01-01T00:00:00Z", "2025-01-01T01:00:00+01:00", "2025-01-02T00:00:00Z", "never"];
    const all = instants.flatMap((updated_at, one) =>
      instants.flatMap((created_at, other) =>
        ["created", "updated", "deleted", undefined].map((event, third) =>
          snapshot("v1/clients", { id: `e-${one}-${other}-${third}`, created_at, data: { updated_at, event } }),
        ),
      ),
    );
    expect(new Set(all.map(({ version }) => version)).size).toBe(all.length);
  });
});

describe("a resource", () => {
  it("is deleted by a deletion only", () => {
    expect(snapshot("v1/products", { data: { event: "deleted" } }).deleted).toBe(true);
    expect(snapshot("v1/products", { data: { event: "products.deleted" } }).deleted).toBe(true);
    expect(snapshot("v1/products", { data: { event: "updated" } }).deleted).toBe(false);
    expect(snapshot("v1/cards", { data: { event: "discarded" } }).deleted).toBe(false);
    expect(snapshot("v1/client-invoices", { data: {} }).deleted).toBe(false);
  });

  it("is not read from an event without an organization", () => {
    const envelope = readEnvelope("business", makePayload("v1/cards", { organization_id: null }));
    expect(envelope && readResource(envelope)).toBeNull();
  });
});
