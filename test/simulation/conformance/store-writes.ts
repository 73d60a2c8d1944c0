import { Counters } from "../../../src/domain/counters.ts";
import * as alerts from "../../../src/store/alerts.ts";
import * as audit from "../../../src/store/audit.ts";
import * as circuits from "../../../src/store/circuits.ts";
import { claimEvents } from "../../../src/store/claims.ts";
import * as deadLetters from "../../../src/store/dead-letters.ts";
import * as deliveries from "../../../src/store/deliveries.ts";
import * as health from "../../../src/store/destination-health.ts";
import * as secrets from "../../../src/store/destination-secrets.ts";
import * as destinations from "../../../src/store/destinations.ts";
import * as events from "../../../src/store/events.ts";
import * as keys from "../../../src/store/idempotency-keys.ts";
import * as drain from "../../../src/store/drain.ts";
import { markUnmatchedAndFindLeased } from "../../../src/store/leases.ts";
import { writeCronState } from "../../../src/store/cron-state.ts";
import { recordOperationalEvent } from "../../../src/store/operational-events.ts";
import * as quarantine from "../../../src/store/quarantine.ts";
import { insertStage } from "../../../src/store/registrations.ts";
import { replayDeliveries } from "../../../src/store/replay-deliveries.ts";
import * as replays from "../../../src/store/replays.ts";
import { upsertResources } from "../../../src/store/resources.ts";
import * as retention from "../../../src/store/retention.ts";
import { recordReleased, settleAccepted } from "../../../src/store/quarantine.ts";
import * as scan from "../../../src/store/recovery-scan.ts";
import { forgetRemovedDestinations, writeCounters } from "../../../src/store/counters.ts";
import * as tokens from "../../../src/store/tokens.ts";
import { endFilteredDeliveries } from "../../../src/store/filtered-deliveries.ts";

import {
  alertBy,
  at,
  attemptBy,
  cutOffBy,
  deliveryBy,
  destinationBy,
  destinationIds,
  eventBy,
  eventIds,
  isSo,
  keyBy,
  leaseBy,
  operationalEventBy,
  organizationIds,
  perhapsAt,
  pick,
  quarantinedBy,
  replayBy,
  some,
  START,
  type StoreMove,
  types,
} from "./store-arguments.ts";

/** What the relay writes into its store, and what it reads on the way. */
const fewTimes = [1, 2, 3];

export const storeWrites: Readonly<Record<string, StoreMove>> = {
  recordEvents: (db, chance) =>
    events.recordEvents(
      db,
      fewTimes.map(() => eventBy(chance)),
      isSo(chance),
    ),
  recordClaimedEvents: (db, chance) =>
    events.recordClaimedEvents(
      db,
      fewTimes.map(() => ({ event: eventBy(chance), recipients: some(chance, destinationIds) })),
      { queuedAt: at(chance), leaseUntil: at(chance), also: [events.loadEvents(db, some(chance, eventIds))] },
    ),
  recordOnce: (db, chance) => events.recordOnce(db, eventBy(chance)).run(),
  recordOperationalEvent: (db, chance) => {
    const onlyIf = {
      sql: "EXISTS (SELECT 1 FROM destinations WHERE id = ?13)",
      parameters: [pick(chance, destinationIds)],
    };
    const event = operationalEventBy(chance);
    return recordOperationalEvent(db, event, isSo(chance) ? onlyIf : undefined).run();
  },
  changeAlerts: (db, chance) =>
    alerts.changeAlerts(
      db,
      some(chance, destinationIds).map((subject) => ({
        subject,
        name: pick(chance, ["failing", "dead"]),
        before: alertBy(chance),
        after: alertBy(chance),
        event: isSo(chance) ? operationalEventBy(chance) : null,
      })),
    ),
  claimEvents: (db, chance) =>
    claimEvents(
      db,
      some(chance, eventIds).map((id) => ({
        id,
        recipients: some(chance, destinationIds),
        leaseUntil: leaseBy(chance),
        body: pick(chance, [null, "{}"]),
      })),
      { now: at(chance), leaseUntil: at(chance), also: [events.loadEvents(db, some(chance, eventIds))] },
    ),
  confirmLeases: (db, chance) =>
    db.batch([
      ...upsertResources(
        db,
        fewTimes.map(() => ({
          organizationId: pick(chance, organizationIds),
          type: pick(chance, types),
          resourceId: pick(chance, [null, "r1", "r2"]),
          event: "created",
          deleted: isSo(chance),
          version: pick(chance, ["1", "2", "3"]),
          versionAt: null,
          eventId: pick(chance, eventIds),
          body: pick(chance, [null, "{}"]),
        })),
      ),
      insertStage(db, {
        registrationId: pick(chance, ["g1", "g2"]),
        version: pick(chance, ["1", "2"]),
        stage: "completed",
        at: null,
        eventId: pick(chance, eventIds),
        isRegistration: isSo(chance),
        body: pick(chance, [null, "{}"]),
      }),
      ...markUnmatchedAndFindLeased(
        db,
        eventIds.map((id) => ({ id, leaseUntil: leaseBy(chance) ?? START })),
      ),
    ]),
  recordDeliveries: (db, chance) =>
    deliveries.recordDeliveries(
      db,
      fewTimes.map(() => deliveryBy(chance)),
      {
        health: health.recordHealth(
          db,
          fewTimes.map(() => ({ destination: destinationBy(chance), attempt: attemptBy(chance) })),
          {
            holds: new Map(some(chance, destinationIds).map((id) => [id, at(chance)])),
            withDead: new Set(some(chance, destinationIds)),
          },
          at(chance),
        ),
        slow: health.markSlow(db, some(chance, destinationIds)),
        found: deliveries.deliveriesOfEvent(db, pick(chance, eventIds)),
      },
      { until: 0, world: { now: () => 1, random: () => 0 } },
    ),
  claimDue: async (db, chance) => {
    const found = await destinations.findDestinations(db, some(chance, destinationIds));
    const leaseUntil = at(chance);
    for (const { id, nextDrainAt, filter } of found) {
      const limit = pick(chance, [1, 2, 10]);
      const expected = { id, filter, nextDrainAt: chance() < 0.9 ? nextDrainAt : at(chance) };
      const kind = isSo(chance) ? "probe" : "concurrent";
      await drain.claimDue(db, expected, { kind, limit }, { now: at(chance), leaseUntil });
    }
    for (const { id } of some(chance, found)) {
      const released = { destinationId: id, nextDrainAt: perhapsAt(chance) };
      await drain.releaseDrain(db, released, {
        now: at(chance),
        leaseUntil: isSo(chance) ? leaseUntil : at(chance),
      });
    }
  },
  findOverdue: (db, chance) => drain.overdueDestinations(db, at(chance), at(chance)),
  endExpired: (db, chance) =>
    drain.endExpiredDeliveries(db, pick(chance, destinationIds), { dueSince: at(chance), now: at(chance), limit: 2 }),
  endPending: (db, chance) =>
    deliveries.endPendingDeliveries(db, pick(chance, destinationIds), { now: at(chance), limit: 2 }),
  endFiltered: (db, chance) => endFilteredDeliveries(db, pick(chance, destinationIds), at(chance)),
  changeCircuit: (db, chance) =>
    circuits.changeCircuit(
      db,
      {
        destinationId: pick(chance, destinationIds),
        consecutiveFailures: 1,
        consecutiveTimeouts: 0,
        failingSince: null,
        circuitOpenedAt: isSo(chance) ? null : at(chance),
        failedProbes: pick(chance, [0, 1]),
      },
      { circuitOpenedAt: perhapsAt(chance), failedProbes: pick(chance, [0, 1]), nextDrainAt: at(chance) },
      at(chance),
    ),
  probe: async (db, chance) => {
    await circuits.probeNow(db, some(chance, destinationIds), at(chance));
    await circuits.bringDeliveriesForward(db, pick(chance, destinationIds), at(chance));
  },
  addDestination: (db, chance) => destinations.insertDestination(db, destinationBy(chance)),
  updateDestination: (db, chance) =>
    destinations.updateDestination(
      db,
      pick(chance, destinationIds),
      pick(chance, [
        { max_per_second: 1.5 },
        { description: null, types: '["v1/*"]' },
        { enabled: true },
        { url: "https://b.example" },
      ]),
      at(chance),
    ),
  rotateSecret: (db, chance) =>
    secrets.rotateSecret(
      db,
      pick(chance, destinationIds),
      { encrypted: pick(chance, ["s1", "s2", "s3"]), previousUntil: at(chance) },
      at(chance),
    ),
  deleteDestination: async (db, chance) => {
    if (isSo(chance)) await destinations.deleteDestination(db, pick(chance, destinationIds));
    await destinations.disableDestinations(db, [pick(chance, destinationIds)], at(chance)).run();
    return destinations.listDestinations(db, "", 10);
  },
  quarantine: async (db, chance) => quarantine.keepInQuarantine(db, await quarantinedBy(chance)),
  releaseQuarantined: async (db, chance) => {
    const { id, eventId } = await quarantinedBy(chance);
    return recordReleased(db, id, eventBy(chance, eventId ?? id));
  },
  settleQuarantine: (db, chance) => settleAccepted(db, at(chance), 2),
  lookIntoQuarantine: async (db, chance) => [
    await quarantine.listQuarantine(db, undefined, 10),
    await quarantine.listQuarantine(db, undefined, 10, "settled"),
    await quarantine.findQuarantined(db, (await quarantinedBy(chance)).id),
    await quarantine.isWaitingInQuarantine(db, (await quarantinedBy(chance)).id),
    await quarantine.dropQuarantined(db, (await quarantinedBy(chance)).id),
  ],
  keepDeadLetter: (db, chance) =>
    deadLetters.keepDeadLetter(
      db,
      {
        id: pick(chance, ["m1", "m2"]),
        kind: pick(chance, ["event", "quarantine"]),
        eventId: pick(chance, eventIds),
        destinationId: null,
        receivedAt: at(chance),
      },
      "{}",
      [events.recordOnce(db, eventBy(chance))],
    ),
  replayDeadLetter: async (db, chance) => {
    if (isSo(chance)) await deadLetters.markReplayed(db, "m1", at(chance));
    return deadLetters.listDeadLetters(db, { isWaiting: pick(chance, [undefined, true]), before: undefined, limit: 1 });
  },
  beginReplay: (db, chance) => replays.insertReplay(db, replayBy(chance)),
  goOnWithReplays: async (db, chance) => {
    for (const replay of [replayBy(chance), ...(await replays.unfinishedReplays(db))]) {
      await replays.countReplay(db, replay);
      await replays.replayPage(db, replay, await replays.nextReplayPage(db, replay), at(chance));
    }
  },
  replayDeliveries: (db, chance) =>
    replayDeliveries(
      db,
      fewTimes.map(() => keyBy(chance)),
      at(chance),
      { evenDelivered: isSo(chance), named: isSo(chance), askedAt: at(chance) },
    ),
  deleteAged: async (db, chance) => {
    const cutOff = cutOffBy(chance);
    const aged = await retention.agedEvents(db, 0, { cutOff, limit: 2 });
    await retention.deleteEvents(db, aged, cutOff);
    return retention.deleteOthers(db, cutOff, 1);
  },
  scan: async (db, chance) => {
    const scanned = await scan.scanEvents(db, 1, 4);
    await health.noteSuccesses(db, 0, pick(chance, [2, 4]));
    await scan.markQueued(db, some(chance, eventIds), at(chance));
    return scanned;
  },
  writeCronState: (db, chance) =>
    writeCronState(db, { cron_ran_at: at(chance), recovery_scan_continues: pick(chance, [0, 1]) }),
  writeCounters: (db, chance) => {
    const counters = new Counters();
    counters.giveBack({
      'received{kind="new"}': pick(chance, [1, 2]),
      [`attempts{destination_id="${pick(chance, destinationIds)}"}`]: 1,
      seconds: 0.25,
    });
    return writeCounters(db, counters, at(chance));
  },
  forgetRemoved: (db) => forgetRemovedDestinations(db).run(),
  keepToken: async (db, chance) => {
    const id = pick(chance, ["t1", "t2"]);
    const destinationId = pick(chance, [null, "d1", "nobody"]);
    const access = destinationId === null ? "read" : "destination";
    await tokens.insertToken(
      db,
      { id, name: pick(chance, ["n1", "n2"]), access, destinationId, createdAt: at(chance), lastUsedAt: null },
      // Two of one digest are an error, and a call that fails.
      pick(chance, ["x", "y"]),
    );
    await tokens.noteUse(db, id, at(chance));
    if (isSo(chance)) await tokens.deleteToken(db, id);
  },
  honourIdempotencyKey: async (db, chance) => {
    const id = pick(chance, ["k1", "k2"]);
    const claim = pick(chance, ["c1", "c2"]);
    const request = pick(chance, ["r1", "r2"]);
    const wanted = { request, createdAt: at(chance), claim, leasedUntil: at(chance), content: "seed" };
    await keys.claimKey(db, id, wanted, at(chance));
    await pick<() => Promise<void>>(chance, [
      () => keys.keepAnswer(db, id, claim, { status: 201, content: "answer" }),
      () => keys.freeKey(db, id, claim),
      () => keys.endLease(db, id, claim),
    ])();
  },
  keepAudit: async (db, chance) => {
    const id = pick(chance, ["aud1", "aud2", "aud3"]);
    await audit.beginRecord(db, {
      id,
      token: "n1",
      action: "pause",
      subject: "d1",
      before: pick(chance, [null, "{}"]),
    });
    if (isSo(chance)) await audit.endRecord(db, id, { outcome: "done", after: null });
    else await audit.dropRecord(db, id);
    return audit.listAudit(db, { from: "aud", to: "auf", limit: 1 });
  },
};
