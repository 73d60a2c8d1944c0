import {
  backlogOf,
  backlogs,
  edgesOf,
  latestAttempt,
  recentDeliveries,
} from "../../../src/store/destination-deliveries.ts";
import { readAlertSigns } from "../../../src/store/alerts.ts";
import { whatWaits, readCondition } from "../../../src/store/condition.ts";
import * as deadLetters from "../../../src/store/dead-letters.ts";
import { listDeliveries, listPending } from "../../../src/store/delivery-list.ts";
import { readStoredSecrets, replaceSecrets } from "../../../src/store/destination-secrets.ts";
import * as destinations from "../../../src/store/destinations.ts";
import { findJourney, findEvent, listEvents, typesOfEvents } from "../../../src/store/event-list.ts";
import { outcomesSince, recentKinds, trafficSince } from "../../../src/store/traffic.ts";
import { searchEvents, findNamed } from "../../../src/store/search.ts";
import { countLedger, countNewest } from "../../../src/store/ledger.ts";
import {
  countUpTo,
  summaryAt,
  latestReceipts,
  listSummaries,
  findOrganization,
  listOrganizations,
} from "../../../src/store/organizations.ts";
import { latestStagesOf, listRegistrationIds, stagesOf } from "../../../src/store/registrations.ts";
import { findReplay, replaysOf } from "../../../src/store/replays.ts";
import {
  historyOf,
  summaries,
  summariesOf,
  findResource,
  findResources,
  listResources,
} from "../../../src/store/resources.ts";
import { readAppliedMigrations } from "../../../src/store/schema.ts";
import { allTimeCounts, countsByHour } from "../../../src/store/counters.ts";
import { destinationList } from "../../../src/store/destinations.ts";
import { findToken, findTokenByDigest, listTokens } from "../../../src/store/tokens.ts";
import {
  START,
  type StoreMove,
  at,
  destinationIds,
  eventIds,
  organizationIds,
  pick,
  some,
  types,
} from "./store-arguments.ts";

/** What the operator's pages and API, the metrics and the cron read. */
export const storeReads: Readonly<Record<string, StoreMove>> = {
  alertSigns: async (db, chance) => {
    const { destinations, quarantine, alertOf } = await readAlertSigns(db, at(chance));
    return {
      destinations,
      quarantine,
      failing: destinationIds.map((subject) => alertOf({ subject, name: "failing" })),
    };
  },
  overview: async (db, chance) => {
    await db.batch([
      outcomesSince(db, START, 1000),
      recentDeliveries(db),
      recentKinds(db, START),
      backlogs(db),
      whatWaits(db),
      trafficSince(db, START),
      destinationList(db),
      allTimeCounts(db),
      countsByHour(db, at(chance)),
    ]);
    await countLedger(db, { since: START, until: at(chance) }, at(chance));
    await countNewest(db, { since: START, until: at(chance) });
    await readCondition(db, at(chance));
    await readAppliedMigrations(db);
  },
  destination: async (db, chance) => {
    const id = pick(chance, destinationIds);
    await destinations.findDestination(db, id);
    await destinations.destinationsWithOpenCircuit(db);
    await db.batch([
      destinations.enabledDestinations(db),
      backlogOf(db, id),
      latestAttempt(db, id),
      edgesOf(db, id),
      replaysOf(db, id),
    ]);
    await findReplay(db, "p1");
    await listPending(db, id, undefined, 2);
    const status = pick(chance, [undefined, "pending", "delivered", "dead"] as const);
    await listDeliveries(db, { status, destinationId: pick(chance, [undefined, id]), before: undefined, limit: 2 });
    for (const secrets of await readStoredSecrets(db)) await replaceSecrets(db, secrets, { ...secrets, previous: [] });
  },
  events: async (db, chance) => {
    const window = { since: START, until: undefined, before: undefined, limit: 2 };
    const type = pick(chance, [undefined, ...types]);
    const organizationId = pick(chance, [undefined, ...organizationIds]);
    await listEvents(db, { ...window, type, organizationId });
    for (const outcome of [undefined, "dead", "delivered", "pending", "unmatched"] as const) {
      await searchEvents(db, { ...window, type, organizationId, outcome, resourceId: undefined });
    }
    await typesOfEvents(db, some(chance, eventIds));
    const id = pick(chance, eventIds);
    await db.batch([findEvent(db, id), findJourney(db, id)]);
    await findNamed(db, pick(chance, [...eventIds, "r1", "g1"]), organizationId);
  },
  organization: async (db, chance) => {
    const id = pick(chance, organizationIds);
    const type = pick(chance, [undefined, ...types]);
    const after = pick(chance, [undefined, { type: "v1/organizations", resourceId: pick(chance, [null, "r1"]) }]);
    await listOrganizations(db, "", 2);
    await findOrganization(db, id);
    await listSummaries(db, "", 2);
    await summaryAt(db, id);
    await latestReceipts(db, organizationIds);
    await db.batch([countUpTo(db, id, 1), summaries(db, id, { type, after, limit: 2 })]);
    await summariesOf(
      db,
      id,
      types.map((named) => ({ type: named, id: "r1" })),
    );
    await findResources(db, id, "v1/transactions", ["r1", "r2"]);
    await findResource(db, id, "r1", type);
    for (const resource of await listResources(db, id, { type, after, limit: 2 }))
      await historyOf(db, resource, undefined);
  },
  registrations: async (db) => {
    const ids = await listRegistrationIds(db, "", 2);
    await stagesOf(db, ids);
    await latestStagesOf(db, ids);
  },
  others: async (db) => {
    await findToken(db, "t1");
    await findTokenByDigest(db, "x");
    await listTokens(db, "", 2);
    await deadLetters.findDeadLetter(db, "m1");
    await deadLetters.dropDeadLetter(db, "m2");
  },
};
