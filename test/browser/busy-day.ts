import { z } from "zod";
import { byId, messageOf } from "../../src/messages.ts";
import { sampleTypes } from "../../src/qonto/sample-event.ts";
import { makePayload } from "../support/qonto.ts";
import { connectionRows } from "./connections.ts";
import type { Scene } from "./scene.ts";

/** Hostile text: it must be shown as text only. */
const hostileText = '<script>document.title = "taken over"</script></bdi>\u202Egnirts a \u2069\u202E\u2066 مرحبا 🦀👩‍👩‍👧';

const script = '<script>alert("1")</script> \u202Eevil 🦀';

export type BusyDay = Awaited<ReturnType<typeof fillBusyDay>>;

/**
 * The content of the pages: healthy, failing and paused destinations; an event of each type, a duplicate, some hostile, some
 * in quarantine; connections to Qonto, dead letters and an audit trail. Tests look for the last ones: lists begin with the newest.
 */
export async function fillBusyDay(scene: Scene) {
  const destinations = {
    accounting: await scene.addDestination("Accounting"),
    treasury: await scene.addDestination("Treasury", (before) => (before === 3 ? 503 : 200), {
      retry_schedule_seconds: [1],
    }),
    fraudDesk: await scene.addDestination("Fraud desk", () => 500, {
      retry_schedule_seconds: [1],
      types: ["v1/transactions"],
    }),
    warehouse: await scene.addDestination("Warehouse", () => 200, { enabled: false }),
  };
  await scene.addDestination("Hostile", () => ({ status: 500, body: hostileText.repeat(4) }), {
    retry_schedule_seconds: [],
    organizations: [hostileText],
  });

  const everyType = sampleTypes.map((type) => makePayload(type));
  const twice = makePayload("v1/transactions");
  const ofOrganization = [
    makePayload("v1/accounts", { data: { id: "side", name: "Taxes", balance: 8400.1, authorized_balance: 8000 } }),
    makePayload("v1/clients", { data: { id: "client-gone", event: "deleted", name: "Gone GmbH" } }),
    makePayload("v1/transactions", { data: { id: "hostile", label: script, status: script.repeat(99) } }),
    makePayload("v1/transactions", { data: { id: "large", label: script, note: "x".repeat(200_000) } }),
  ];
  const ofRegistration = [
    makePayload("registrations.pending", { resource_id: "on-its-way" }),
    makePayload("registrations.contract_signed", { resource_id: "on-its-way" }),
  ];
  const [refused, refusedToo] = [makePayload("v1/transactions"), makePayload("v1/transactions")];
  const hostile = makePayload("v1/transactions", {
    id: "a/b?c=<script>#d%2F",
    organization_id: hostileText,
    data: {
      id: hostileText,
      event: hostileText,
      label: hostileText,
      note: "x".repeat(100_000),
      [hostileText]: { many: Array.from({ length: 3_000 }, (_, index) => ({ index, text: "ش🦀 <b>" })) },
    },
  });
  const events = [...everyType, twice, twice, ...ofOrganization, ...ofRegistration, refusedToo, refused, hostile];
  await scene.send(...events);
  await scene.client.webhook({ method: "POST", body: "{}" });

  await scene.sendStale();
  const unreadable = await scene.sendUnreadable(
    `{"amount": 12.50, "note": "<script>alert(1)</script>", "iban": "FR7630006000011234567890189"}`,
  );

  await scene.settled(...events);
  const at = Date.now();
  insertDeadLetters(scene, "day", { at, eventId: refused.id, destinationId: destinations.accounting });
  scene.insert("connections", ...Object.values(connectionRows(at)));
  const record = {
    id: `aud_${at.toString(16).padStart(12, "0")}ffff`,
    token: "night-shift",
    subject: destinations.accounting,
  };
  scene.insert(
    "audit",
    { ...record, action: "destination.changed", outcome: "begun", before: '{"enabled":true,"timeout_ms":10000}' },
    { ...record, id: `${record.id}f`, action: "destination.replayed", outcome: "failed" },
  );
  await scene.client.patch(`/api/destinations/${destinations.accounting}`, { timeout_ms: 9_000 }, z.unknown());
  const tokenOf = async (input: object) =>
    (await scene.client.post("/api/tokens", input, z.object({ token: z.string() }))).token;
  const readerToken = await tokenOf({ name: "reader", access: "read" });
  const fraudDeskToken = await tokenOf({
    name: "fraud-desk",
    access: "destination",
    destination_id: destinations.fraudDesk,
  });
  return { destinations, readerToken, fraudDeskToken, refused, refusedToo, hostile, unreadable };
}

interface DeadLettersOf {
  /** Unix milliseconds; the last is a second older. */
  readonly at: number;
  readonly eventId: string;
  readonly destinationId: string;
}

/** Three dead letters: about an event, about a destination, and of an unknown kind. Their ids begin with the name. */
export function insertDeadLetters(scene: Scene, name: string, { at, eventId, destinationId }: DeadLettersOf): void {
  const letter = (id: string, kind: string, fields: object) => ({
    id: `${name}-${id}`,
    kind,
    event_id: null,
    destination_id: null,
    message: JSON.stringify({ kind, ...fields }),
  });
  scene.insert(
    "dead_letters",
    {
      ...letter("of-event", "event", {}),
      message: JSON.stringify(messageOf([byId(eventId, null)])),
      event_id: eventId,
      received_at: at - 3_000,
    },
    {
      ...letter("of-one", "drain", { destination_id: destinationId }),
      destination_id: destinationId,
      received_at: at - 2_000,
    },
    {
      ...letter("of-nobody", "unknown", { note: "\u202E <script>alert(1)</script> 🦀" }),
      received_at: at - 1_000,
    },
  );
}
