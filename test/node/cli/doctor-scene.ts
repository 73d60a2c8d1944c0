import type { z } from "zod";
import { exampleConnection } from "../../../src/api/schemas/connection.ts";
import { exampleDestination } from "../../../src/api/schemas/destination.ts";
import { type diagnostics, exampleDiagnostics } from "../../../src/api/schemas/diagnostics.ts";
import { exampleHealth, type health } from "../../../src/api/schemas/health.ts";
import { exampleLedger, type ledger } from "../../../src/api/schemas/ledger.ts";
import type { Connection } from "../../../src/cli/commands/connections.ts";
import type { Destination } from "../../../src/cli/commands/destinations.ts";
import { type Checked, runChecks } from "../../../src/cli/commands/doctor/checks.ts";
import { type Circumstances, type World, readAddress } from "../../../src/cli/commands/doctor/circumstances.ts";
import { Target } from "../../../src/cli/commands/doctor/target.ts";
import { RelayClient } from "../../../src/cli/relay-client.ts";
import { realWorld, withTimers } from "../../../src/cli/world.ts";
import type { Source } from "../../../src/domain/event.ts";
import { QontoClient } from "../../../src/qonto/api-client.ts";
import { readSignature } from "../../../src/qonto/signature.ts";
import { QontoServer } from "../../support/qonto-server/node/qonto-server.ts";
import { wholeDeployment } from "../support/whole-deployment.ts";

export const RELAY = "https://relay.example.com";
export const WEBHOOK = `${RELAY}/webhooks/qonto`;
export const BUSINESS_SECRET = "whsec_c2VjcmV0IG9mIHRoZSBidXNpbmVzcyBhcGk=";
export const ONBOARDING_SECRET = "secret-of-the-onboarding-api-of-test";
const ADMIN_TOKEN = "admin-token-of-test";
const DAY_MS = 86_400_000;

const problem = (status: number, code: string) => Response.json({ code, detail: "As the test says." }, { status });
const iso = (ms: number) => new Date(ms).toISOString();

/** A relay that is healthy until a test says otherwise. */
export class ScriptedRelay {
  readonly secrets: Record<Source, string[]> = { business: [BUSINESS_SECRET], onboarding: [ONBOARDING_SECRET] };
  aheadMs = 0;
  toleranceSeconds = 300;
  adminToken = ADMIN_TOKEN;
  /** Answers in the relay's place, unless with null. */
  intercept: (request: Request, path: string) => Response | null = () => null;
  /** What a proxy does to a request before it arrives. */
  onTheWay: (headers: Headers) => void = () => undefined;
  /** Queues whose consumer does not run. */
  readonly stuckQueues = new Set<string>();
  readonly health: z.output<typeof health>["checks"] = structuredClone(exampleHealth.checks);
  readonly diagnostics: z.output<typeof diagnostics> = {
    ...structuredClone(exampleDiagnostics),
    configuration: { ...exampleDiagnostics.configuration, secrets: { business: 1, onboarding: 1, subscriptions: 0 } },
    migrations: { applied: ["0001_relay.sql"], missing: [] },
    queues: { events: queue(), retries: queue(), dead_letters: queue() },
    signatures: { ...exampleDiagnostics.signatures, since: iso(Date.now() - DAY_MS), authentic: 1_000 },
    traffic: [series("v1/transactions", 60_000), series("v1/cards", 60_000)],
  };
  readonly destinations: Destination[] = [destination()];
  readonly connections: Connection[] = [];
  deliveries: object[] = [];
  deadLetters: object[] = [];
  quarantine: object[] = [];
  readonly ledger: z.output<typeof ledger> = structuredClone(exampleLedger);

  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** What it answers to a request for it. */
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const response = this.intercept(request, pathname) ?? (await this.#answer(request, pathname));
    const headers = new Headers(response.headers);
    headers.set("date", new Date(this.now()).toUTCString());
    return new Response(response.body, { status: response.status, headers });
  }

  async #answer(request: Request, path: string): Promise<Response> {
    if (path === "/webhooks/qonto") return this.#receive(request);
    if (path === "/health") return Response.json({ status: "ok", checks: this.health });
    if (!path.startsWith("/api/")) return problem(404, "not_found");
    if (request.headers.get("authorization") !== `Bearer ${this.adminToken}`) return problem(401, "unauthorized");
    if (path === "/api/diagnostics/canary") return this.#sendCanary();
    const page = (data: readonly object[]) => Response.json({ data, next_cursor: null });
    switch (path) {
      case "/api/diagnostics":
        return Response.json({ ...this.diagnostics, now: iso(this.now()) });
      case "/api/destinations":
        return page(this.destinations);
      case "/api/connections":
        return Response.json({ data: this.connections });
      case "/api/deliveries":
        return page(this.deliveries);
      case "/api/dead-letters":
        return page(this.deadLetters);
      case "/api/quarantine":
        return page(this.quarantine);
      case "/api/ledger":
        return Response.json(this.ledger);
      default:
        return problem(404, "not_found");
    }
  }

  #sendCanary(): Response {
    const sent_at = iso(this.now());
    for (const [name, one] of Object.entries(this.diagnostics.queues)) {
      if (!this.stuckQueues.has(name)) one.canary_consumed_at = sent_at;
    }
    return Response.json({ sent_at }, { status: 202 });
  }

  async #receive(request: Request): Promise<Response> {
    if (request.method !== "POST") return problem(405, "method_not_allowed");
    const headers = new Headers(request.headers);
    this.onTheWay(headers);
    const signature = readSignature(headers);
    if (typeof signature === "string") return problem(signature === "signature_missing" ? 401 : 400, signature);
    const secrets = this.secrets[signature.source];
    if (secrets.length === 0) return problem(503, "not_configured");
    const body = new Uint8Array(await request.arrayBuffer());
    if (!(await signature.matches(body, ...secrets))) return problem(401, "signature_mismatch");
    const ageSeconds = this.now() / 1000 - (signature.timestamp ?? this.now() / 1000);
    if (ageSeconds > this.toleranceSeconds) return problem(401, "timestamp_too_old");
    if (-ageSeconds > this.toleranceSeconds) return problem(401, "timestamp_in_future");
    return Response.json({ status: "accepted", event_id: "canary" });
  }
}

function queue() {
  return { backlog: 0, oldest_message_at: null as string | null, canary_consumed_at: null as string | null };
}

/** Some weeks of one kind of events, an hour apart; the last so long ago. */
export function series(type: string, silentMs: number) {
  return {
    organization_id: "org-1",
    type,
    events: 400,
    first_received_at: iso(Date.now() - 20 * DAY_MS),
    last_received_at: iso(Date.now() - silentMs),
    longest_gap_seconds: 3_600,
  };
}

export function destination(
  changes: Partial<Destination> = {},
  health: Partial<Destination["health"]> = {},
): Destination {
  return {
    ...exampleDestination,
    id: "dst_1",
    types: ["v1/transactions"],
    ...changes,
    health: { ...exampleDestination.health, ...health },
  };
}

/** A connection that has just been looked after. */
export function connection(changes: Partial<Connection> = {}): Connection {
  const reconciled_until = iso(Date.now() - 60_000);
  return { ...exampleConnection, id: "con_1", refused_types: [], reconciled_until, ...changes };
}

/** A delivery whose only attempt failed. */
export const failedDelivery = {
  destination_id: "dst_1",
  event_id: "e1",
  received_at: "2026-11-24T10:05:00.000Z",
  status: "dead",
  next_attempt_at: null,
  attempts: [
    {
      attempt: 1,
      at: "2026-11-24T10:05:01.000Z",
      status: 503,
      outcome: "rejected",
      duration_ms: 8,
      response_excerpt: "down for maintenance",
    },
  ],
};

/** What a doctor examines: a relay on the internet, a Qonto that sends to it, and this machine. All of it is healthy. */
export class Scene {
  readonly relay = new ScriptedRelay();
  readonly qonto: QontoServer;
  readonly circumstances: Circumstances;
  readonly progress: string[] = [];

  private constructor(qonto: QontoServer) {
    this.qonto = qonto;
    this.subscribe({});
    this.circumstances = this.#circumstances();
  }

  static async begin(): Promise<Scene> {
    return new Scene(await QontoServer.start());
  }

  /** A test makes its fault with `changes`. */
  async examine(changes: Partial<Circumstances> = {}, world: Partial<World> = {}): Promise<Checked[]> {
    const circumstances = { ...this.circumstances, ...changes };
    return runChecks(new Target({ ...circumstances, world: { ...circumstances.world, ...world } }));
  }

  subscribe({ id = "sub-1", callback_url = WEBHOOK, types = ["v1/transactions"] }): void {
    this.qonto.subscribe({ id, callback_url, types, secret: BUSINESS_SECRET });
  }

  /** A relay client that bears another token, or none of Qonto's. */
  relayWith(token: string): Circumstances["relay"] {
    return { thing: new RelayClient(RELAY, token, { world: { ...realWorld, fetch: this.fetch } }) };
  }

  qontoWith(token: string, { baseUrl = this.qonto.url, now = realWorld.now } = {}): Circumstances["qonto"] {
    return {
      thing: new QontoClient({
        baseUrl,
        headers: { authorization: `Bearer ${token}` },
        progress: () => undefined,
        patience: { answersWithinMs: 5_000, mostRetries: 0, longestWaitMs: 0 },
        world: withTimers({ ...realWorld, now }),
      }),
    };
  }

  readonly fetch: typeof fetch = (input, init) => this.relay.fetch(new Request(input, init));

  #circumstances(): Circumstances {
    let elapsedMs = 0;
    return {
      address: readAddress(RELAY),
      world: {
        ...realWorld,
        elapsedMs: () => (elapsedMs += 20),
        fetch: this.fetch,
        wait: async () => undefined,
        lookup: async () => ["104.16.0.1", "2606:4700::1"],
        certificateOf: async () => ({
          validUntil: Date.now() + 60 * DAY_MS,
          refusedFor: null,
          issuer: "An Authority",
        }),
      },
      secrets: {
        business: { values: [BUSINESS_SECRET], from: "QONTO_WEBHOOK_SECRETS" },
        onboarding: { values: [ONBOARDING_SECRET], from: "QONTO_ONBOARDING_SECRETS" },
      },
      relay: this.relayWith(ADMIN_TOKEN),
      accessHeaders: {},
      qonto: this.qontoWith(this.qonto.accessToken),
      cloudflare: { thing: wholeDeployment },
      partnerId: "partner",
      isSandbox: false,
      queuesMs: 1_000,
      progress: (text) => this.progress.push(text),
    };
  }
}
