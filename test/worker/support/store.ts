import { env } from "cloudflare:workers";
import { realWorld } from "../../../src/platform/world.ts";
import type { Destination } from "../../../src/domain/destination.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { openDatabase } from "../../../src/store/database.ts";
import { recordDeliveries } from "../../../src/store/deliveries.ts";

/** D1 as the store takes it. */
export const database = openDatabase(env.DB, realWorld);

/** Writes deliveries down, and nothing else. */
export const writeDeliveries = (deliveries: readonly Delivery[], db = database) =>
  recordDeliveries(db, deliveries, {}, { until: 0, world: realWorld });

/** Wants everything. */
export const someDestination: Destination = {
  id: "dst_1",
  url: "https://destination.example.com",
  description: null,
  types: [],
  organizations: null,
  filter: null,
  enabled: true,
  retryScheduleSeconds: null,
  timeoutMs: 10_000,
  maxPerSecond: null,
  format: "qonto",
  template: null,
  relayUrl: null,
  headerNames: [],
  encryptedHeaders: null,
  encryptedSecret: "",
  previousSecrets: [],
  isIsolated: false,
  isFailing: false,
  hasSucceeded: true,
  circuitOpenedAt: null,
  nextDrainAt: null,
  heldUntil: null,
  createdAt: 0,
  updatedAt: 0,
};

/** For what is tested without a receiver. */
export const someEvent = {
  id: "e1",
  source: "business",
  event: null,
  resourceId: null,
  createdAt: null,
  receivedAt: 1,
  contentType: null,
  contentEncoding: null,
  isUnreadable: false,
  body: "{}",
} as const;
