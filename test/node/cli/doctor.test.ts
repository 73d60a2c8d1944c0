import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exampleDeadLetter } from "../../../src/api/schemas/dead-letter.ts";
import { exampleQuarantined } from "../../../src/api/schemas/quarantine.ts";
import type { Checked } from "../../../src/cli/commands/doctor/checks.ts";
import { type Circumstances, type World, readAddress } from "../../../src/cli/commands/doctor/circumstances.ts";
import { type FaultName, faults } from "../../../src/cli/commands/doctor/faults.ts";
import { skipped } from "../../../src/cli/commands/doctor/finding.ts";
import { findingsOf } from "../../../src/cli/commands/doctor/report.ts";
import type { Queue } from "../../../src/cli/deploy/survey.ts";
import { wholeDeployment } from "../support/whole-deployment.ts";
import {
  BUSINESS_SECRET,
  type ScriptedRelay,
  RELAY,
  Scene,
  WEBHOOK,
  connection,
  failedDelivery,
  series,
  destination,
} from "./doctor-scene.ts";

let scene: Scene;
beforeEach(async () => (scene = await Scene.begin()));
afterEach(() => scene.qonto.stop());

const faultsOf = (examined: readonly Checked[]) => findingsOf(examined).map(({ fault }) => fault);
const outcomes = (examined: readonly Checked[]) =>
  Object.fromEntries(examined.map(({ check, result }) => [check.name, result.outcome]));

/** What is not as it should be: of the relay, of Qonto, or around the doctor. */
interface Fault {
  readonly relay?: (relay: ScriptedRelay) => void;
  readonly qonto?: (scene: Scene) => void;
  readonly here?: (scene: Scene) => Partial<Circumstances>;
  readonly world?: Partial<World>;
  /** Other faults that follow from it. Without it the fault is the only one. */
  readonly besides?: readonly FaultName[];
}

const EVENTS = "qonto-relay-events";

type Found = Awaited<ReturnType<typeof wholeDeployment>>["found"];

function queueOf({ queues }: Found): Queue {
  const queue = queues.get(EVENTS);
  if (queue === undefined) throw new Error("There is no such queue");
  return queue;
}

const deployedWith = (change: (found: Found) => void): Partial<Circumstances> => ({
  cloudflare: {
    thing: async () => {
      const deployment = await wholeDeployment();
      change(deployment.found);
      return deployment;
    },
  },
});

const DAY_MS = 86_400_000;
const slowClock = () => Date.now() - 400_000;
const ACCESS_LOGIN = "https://acme.cloudflareaccess.com/cdn-cgi/access/login/relay.example.com?kid=x";
const answering = (status: number, code?: string, headers: Record<string, string> = {}): Fault => ({
  relay: (relay) => {
    relay.intercept = (_request, path) =>
      path !== "/webhooks/qonto"
        ? null
        : code === undefined
          ? new Response("<html></html>", { status, headers })
          : Response.json({ code }, { status, headers });
  },
});
/** Cloudflare Access stands before all paths that begin so. */
const accessBefore = (beginning: string): Fault => ({
  relay: (relay) => {
    relay.intercept = (_request, path) =>
      path.startsWith(beginning) ? new Response(null, { status: 302, headers: { location: ACCESS_LOGIN } }) : null;
  },
});
const withSecret = (secret: string): Pick<Fault, "here"> => ({
  here: () => ({
    secrets: { business: { values: [secret], from: "QONTO_WEBHOOK_SECRETS" }, onboarding: null },
    partnerId: null,
  }),
});
const failing = (code: string) => async () => {
  throw Object.assign(new Error(code), { code });
};
const broken = (code: string): Partial<World> => ({
  fetch: async () => {
    throw new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
  },
});
const withCertificate = (changes: object): Fault => ({
  world: {
    certificateOf: async () => ({ validUntil: Date.now() + 60 * DAY_MS, refusedFor: null, issuer: "X", ...changes }),
  },
});
const degraded = (name: keyof ScriptedRelay["health"], detail = "As the test says."): Fault => ({
  relay: (relay) => Object.assign(relay.health[name], { status: "degraded", detail, value: 999 }),
});
const counted = (counts: Partial<ScriptedRelay["diagnostics"]["signatures"]>): Fault => ({
  relay: (relay) => Object.assign(relay.diagnostics.signatures, counts),
});
const lacksTables = (relay: ScriptedRelay) => {
  const detail = "The database lacks 0009_new.sql. Run `npm run deploy`, which applies it.";
  Object.assign(relay.health.schema, { status: "degraded", detail, value: 1 });
  Object.assign(relay.health.cron, { status: "degraded", detail: "The database lacks tables to tell.", value: null });
  relay.diagnostics.migrations.missing.push("0009_new.sql");
  relay.intercept = (request, path) => {
    if (path === "/webhooks/qonto" && request.headers.has("x-qonto-signature")) {
      return Response.json({ code: "not_ready" }, { status: 503 });
    }
    return path.startsWith("/api/") && path !== "/api/diagnostics" ? Response.json({}, { status: 500 }) : null;
  };
};
const connectedWith = (changes: Parameters<typeof connection>[0]): Fault => ({
  relay: (relay) => relay.connections.push(connection(changes)),
});
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const noToken: Partial<Circumstances> = { relay: skipped("No token.", "Set it.") };
const noSecrets: Partial<Circumstances> = { secrets: { business: null, onboarding: null }, partnerId: null };
const withoutPrefix = BUSINESS_SECRET.replace("whsec_", "");
const apiKey = "acme-corp-1234:0123456789abcdef0123456789abcdef";

const table: readonly (readonly [string, FaultName, Fault])[] = [
  ["an address with another path", "url_path_wrong", { here: () => ({ address: readAddress(`${RELAY}/webhook`) }) }],
  ["an address without https", "url_not_https", { here: () => ({ address: readAddress("http://relay.example.com") }) }],
  ["a host that is not there", "host_unknown", { world: { lookup: failing("ENOTFOUND"), ...broken("ENOTFOUND") } }],
  [
    "a name server that does not answer",
    "host_lookup_failed",
    { world: { lookup: failing("EAI_AGAIN"), ...broken("EAI_AGAIN") } },
  ],
  ["a host in a private network", "address_private", { world: { lookup: async () => ["104.16.0.1", "10.1.2.3"] } }],
  ["a port without TLS", "tls_fails", { world: { certificateOf: failing("ECONNRESET") } }],
  ["a certificate of yesterday", "certificate_expired", withCertificate({ refusedFor: "CERT_HAS_EXPIRED" })],
  [
    "a certificate of another host",
    "certificate_for_another_host",
    withCertificate({ refusedFor: "ERR_TLS_CERT_ALTNAME_INVALID" }),
  ],
  [
    "a certificate that is signed by itself",
    "certificate_untrusted",
    withCertificate({ refusedFor: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
  ],
  [
    "a certificate that ends next week",
    "certificate_expires_soon",
    withCertificate({ validUntil: Date.now() + 7 * DAY_MS }),
  ],

  ["a relay that is down", "relay_unreachable", { world: broken("ECONNREFUSED") }],
  [
    "a relay that takes 1.2 s",
    "answer_too_slow",
    {
      here: ({ circumstances: { world } }) => {
        let elapsedMs = 0;
        return { world: { ...world, elapsedMs: () => (elapsedMs += 1_200) } };
      },
    },
  ],
  [
    "a relay that never answers",
    "answer_too_slow",
    {
      world: {
        fetch: async () => {
          throw new DOMException("late", "TimeoutError");
        },
      },
    },
  ],
  ["the login of Cloudflare Access", "behind_access", answering(302, undefined, { location: ACCESS_LOGIN })],
  [
    "the login of Cloudflare Access on the relay's own host",
    "behind_access",
    answering(302, undefined, { location: "/cdn-cgi/access/login?kid=x" }),
  ],
  [
    "an Access application that admits service tokens only",
    "behind_access",
    answering(403, undefined, { "cf-access-aud": "aud", "cf-access-domain": "relay.example.com" }),
  ],
  [
    "an Access application that asks for a service token",
    "behind_access",
    answering(401, undefined, { "www-authenticate": 'Cloudflare-Access resource_metadata="https://a.example"' }),
  ],
  [
    "a redirect to a host that only ends like that of Access",
    "redirected",
    answering(302, undefined, { location: "https://evilcloudflareaccess.com/cdn-cgi/access/login/relay.example.com" }),
  ],
  [
    "a redirect to a host that only begins like that of Access",
    "redirected",
    answering(302, undefined, { location: "https://acme.cloudflareaccess.com.example.com/" }),
  ],
  ["a redirect to no address", "redirected", answering(302, undefined, { location: "http://[" })],
  ["a redirect without an address", "redirected", answering(302)],
  ["a redirect", "redirected", answering(301, undefined, { location: "https://www.relay.example.com/" })],
  ["a host without a relay", "path_not_found", answering(404)],
  ["a proxy that refuses POST", "post_refused", answering(405)],
  ["a login before the relay", "login_before_relay", answering(403)],
  [
    "a login before the relay that names its scheme",
    "login_before_relay",
    answering(401, undefined, { "www-authenticate": "Basic realm=x" }),
  ],
  ["something else that says 200", "not_a_relay", answering(200)],
  ["a relay without a secret", "relay_not_configured", answering(503, "not_configured")],
  ["a relay whose database has no tables", "migrations_missing", { relay: lacksTables }],
  ["the same, seen without a token", "migrations_missing", { relay: lacksTables, here: () => noToken }],
  ["the same, seen without a secret", "migrations_missing", { relay: lacksTables, here: () => noSecrets }],
  [
    "the same, seen without either",
    "migrations_missing",
    { relay: lacksTables, here: () => ({ ...noToken, ...noSecrets }) },
  ],
  ["a relay without a database", "not_stored", answering(503, "not_stored")],
  ["a relay that fails", "relay_error", answering(500, "internal_error")],

  ["an access token that has expired", "qonto_token_refused", { here: (scene) => ({ qonto: scene.qontoWith("old") }) }],
  ["an access token without the scope", "qonto_scope_missing", { qonto: ({ qonto }) => (qonto.faults.status = 403) }],
  ["too many calls", "qonto_rate_limited", { qonto: ({ qonto }) => (qonto.faults.status = 429) }],
  [
    "a Qonto that is not there",
    "qonto_unreachable",
    { here: (scene) => ({ qonto: scene.qontoWith(scene.qonto.accessToken, { baseUrl: "http://127.0.0.1:9" }) }) },
  ],
  ["a Qonto that fails", "qonto_answer_odd", { qonto: ({ qonto }) => (qonto.faults.status = 500) }],
  ["no subscription", "subscription_missing", { qonto: ({ qonto }) => qonto.subscriptions.clear() }],
  [
    "no subscription but one of another environment",
    "subscription_missing",
    { qonto: (scene) => scene.subscribe({ callback_url: "https://staging.example.com/webhooks/qonto" }) },
  ],
  [
    "a subscription with a misprint in its path",
    "subscription_path_wrong",
    { qonto: (scene) => scene.subscribe({ id: "sub-2", callback_url: `${RELAY}/webhook/qonto` }) },
  ],
  [
    "a subscription to the laptop of somebody",
    "subscription_stale",
    {
      qonto: (scene) => scene.subscribe({ id: "sub-2", callback_url: "https://laptop.example.com/webhooks/qonto" }),
      world: { lookup: async (host) => [host.startsWith("laptop") ? "192.168.1.7" : "104.16.0.1"] },
    },
  ],
  [
    "a subscription to a host that is gone",
    "subscription_stale",
    {
      qonto: (scene) => scene.subscribe({ id: "sub-2", callback_url: "https://old.example.com/webhooks/qonto" }),
      world: {
        lookup: (host) => (host.startsWith("old") ? failing("ENOTFOUND")() : Promise.resolve(["104.16.0.1"])),
      },
    },
  ],
  [
    "two subscriptions for the same",
    "subscription_duplicate",
    { qonto: (scene) => scene.subscribe({ id: "sub-2", types: ["v1/transactions", "v1/cards"] }) },
  ],
  [
    "a destination that waits for what is not subscribed to",
    "type_not_subscribed",
    {
      relay: (relay) =>
        relay.destinations.push(destination({ id: "dst_2", types: ["v1/transfers", "registrations.*"] })),
    },
  ],
  ["a connection that has expired", "connection_lost", connectedWith({ status: "expired", reconciled_until: null })],
  ["a connection that was revoked", "connection_lost", connectedWith({ status: "revoked" })],
  [
    "a subscription that the relay cannot restore",
    "connection_unsubscribed",
    connectedWith({
      subscriptions: [
        { id: "sub-9", types: ["v1/cards"], status: "active" },
        { id: null, types: ["v1/transactions"], status: "missing" },
      ],
      last_error: "Qonto refused a subscription.",
    }),
  ],
  [
    "a connection with nothing but another relay's subscription",
    "connection_unsubscribed",
    connectedWith({ subscriptions: [{ id: "sub-9", types: ["v1/cards"], status: "foreign" }] }),
  ],
  ["a state that is not compared", "connection_behind", connectedWith({ reconciled_until: hoursAgo(7) })],
  [
    "a state that does not get filled",
    "connection_behind",
    connectedWith({ connected_at: hoursAgo(7), reconciled_until: null, last_error: "Qonto does not answer." }),
  ],
  ["work on a connection that failed", "connection_fails", connectedWith({ last_error: "Qonto answered 500." })],
  [
    "a connection at fault, seen without a token",
    "connection_at_fault",
    { ...degraded("connections"), here: () => noToken },
  ],
  [
    "a relay without the onboarding secret, which is known here",
    "onboarding_secret_missing",
    {
      relay: (relay) => {
        relay.secrets.onboarding.length = 0;
        relay.diagnostics.configuration.secrets.onboarding = 0;
      },
    },
  ],

  [
    "verification that is wrong",
    "signature_code_wrong",
    { relay: (relay) => (relay.diagnostics.signature_vectors.business = false) },
  ],
  ["another secret", "secret_unknown", withSecret("another-secret-altogether-of-32-chars")],
  ["a secret with a line break in it", "secret_with_white_space", withSecret(BUSINESS_SECRET.replace("m", "m\n"))],
  ["a secret in quotes", "secret_in_quotes", withSecret(`"${BUSINESS_SECRET}"`)],
  ["a secret whose prefix somebody took for a label", "secret_prefix_missing", withSecret(withoutPrefix)],
  [
    "a relay whose secret lost its prefix",
    "secret_prefix_stripped",
    { ...withSecret(BUSINESS_SECRET), relay: ({ secrets }) => (secrets.business[0] = withoutPrefix) },
  ],
  [
    "a relay that has the secret decoded",
    "secret_base64_decoded",
    {
      ...withSecret(BUSINESS_SECRET),
      relay: ({ secrets }) => (secrets.business[0] = Buffer.from(withoutPrefix, "base64").toString()),
    },
  ],
  [
    "a relay that has the secret decoded from hexadecimal",
    "secret_hex_decoded",
    {
      ...withSecret(Buffer.from("secret of hexadecimal digits").toString("hex")),
      relay: ({ secrets }) => (secrets.business[0] = "secret of hexadecimal digits"),
    },
  ],
  ["an API key in the secret's place", "api_key_as_secret", withSecret(apiKey)],
  [
    "an API key in the secret's place on both sides",
    "api_key_as_secret",
    { ...withSecret(apiKey), relay: ({ secrets }) => (secrets.business[0] = apiKey) },
  ],
  [
    "a proxy that drops the header",
    "signature_dropped",
    {
      ...withSecret(BUSINESS_SECRET),
      relay: (relay) => (relay.onTheWay = (headers) => headers.delete("x-qonto-signature")),
    },
  ],
  [
    "a proxy that cuts the header at its comma",
    "signature_changed",
    {
      ...withSecret(BUSINESS_SECRET),
      relay: (relay) =>
        (relay.onTheWay = (headers) => {
          const [first = ""] = (headers.get("x-qonto-signature") ?? "").split(",");
          if (first !== "") headers.set("x-qonto-signature", first);
        }),
    },
  ],
  [
    "a receiver that verifies nothing",
    "forged_accepted",
    {
      relay: (relay) => {
        relay.intercept = (_request, path) =>
          path === "/webhooks/qonto" ? Response.json({ status: "accepted" }) : null;
      },
      besides: ["unsigned_accepted", "stale_accepted"],
    },
  ],
  [
    "a receiver that takes what bears no signature",
    "unsigned_accepted",
    {
      relay: (relay) => {
        relay.intercept = (request, path) =>
          path === "/webhooks/qonto" && !/signature/.test([...request.headers.keys()].join())
            ? Response.json({ status: "accepted" })
            : null;
      },
    },
  ],
  [
    "a receiver that takes what is old",
    "stale_accepted",
    { relay: (relay) => (relay.toleranceSeconds = Number.POSITIVE_INFINITY) },
  ],

  ["a relay whose clock is fast", "relay_clock_off", { relay: (relay) => (relay.aheadMs = 120_000) }],
  [
    "a clock of this machine that is slow",
    "own_clock_off",
    {
      here: (scene) => ({ qonto: scene.qontoWith(scene.qonto.accessToken, { now: slowClock }) }),
      world: { now: slowClock },
    },
  ],
  [
    "two clocks, and nobody to say which is right",
    "clocks_disagree",
    {
      here: () => ({ qonto: skipped("No access.", "Set it.") }),
      relay: (relay) => (relay.aheadMs = -45_000),
    },
  ],

  [
    "a service token that Cloudflare Access does not admit",
    "service_token_refused",
    { ...accessBefore("/api/"), here: () => ({ accessHeaders: { "cf-access-client-id": "id" } }) },
  ],
  ["a wrong admin token", "admin_token_refused", { here: (scene) => ({ relay: scene.relayWith("wrong") }) }],
  [
    "an API that fails",
    "relay_api_fails",
    {
      relay: (relay) =>
        (relay.intercept = (_, path) => (path === "/api/diagnostics" ? Response.json({}, { status: 500 }) : null)),
    },
  ],
  [
    "a public relay that is configured as a local one",
    "private_destinations_allowed",
    { relay: (relay) => (relay.diagnostics.configuration.allow_private_destinations = true) },
  ],
  ["a database that does not answer", "database_unwell", degraded("database")],
  ["a database that is nearly full", "database_filling", degraded("storage")],
  ["destinations' secrets under a key that is gone", "destination_secrets_undecryptable", degraded("secrets")],
  ["a variable that cannot be read", "relay_not_configured", degraded("configuration")],
  [
    "a migration that was not applied",
    "migrations_missing",
    { relay: (relay) => relay.diagnostics.migrations.missing.push("0009_new.sql") },
  ],
  ["a queue without a consumer", "queue_stuck", { relay: (relay) => relay.stuckQueues.add("retries") }],
  [
    "a dead-letter queue without a consumer",
    "dead_letter_consumer_stuck",
    { relay: (relay) => relay.stuckQueues.add("dead_letters") },
  ],
  [
    "events that wait in the queue",
    "queue_backlog_old",
    {
      relay: ({ diagnostics }) => {
        diagnostics.queues.events.oldest_message_at = new Date(Date.now() - 600_000).toISOString();
      },
    },
  ],
  ["a cron that has stopped", "cron_stopped", degraded("cron")],
  ["events that are not dispatched", "fan_out_stuck", degraded("fan_out")],
  ["deliveries that are not attempted", "deliveries_overdue", degraded("deliveries")],
  [
    "a dead letter",
    "dead_letters_waiting",
    {
      relay: (relay) => relay.deadLetters.push(exampleDeadLetter),
    },
  ],
  [
    "an event in quarantine",
    "quarantine_waiting",
    {
      relay: (relay) => relay.quarantine.push(exampleQuarantined),
    },
  ],
  ["a ledger that does not balance", "ledger_unbalanced", { relay: (relay) => (relay.ledger.balanced = false) }],

  ["events under an unknown secret", "signatures_mismatched", counted({ mismatched: 40 })],
  ["stale events", "signatures_too_old", counted({ too_old: 40 })],
  ["events of the future", "signatures_in_future", counted({ in_future: 40 })],
  ["headers that nobody can read", "signatures_malformed", counted({ malformed: 40 })],
  ["headers that do not arrive", "signatures_missing", counted({ authentic: 2, missing: 40 })],
  [
    "one kind of events that stays away",
    "traffic_silent",
    { relay: ({ diagnostics }) => (diagnostics.traffic[1] = series("v1/cards", 3 * 3_600_000)) },
  ],
  [
    "all events that stay away",
    "all_traffic_silent",
    {
      relay: ({ diagnostics }) =>
        (diagnostics.traffic = [series("v1/transactions", 3 * 3_600_000), series("v1/cards", DAY_MS)]),
    },
  ],
  [
    "a destination that is down",
    "destination_failing",
    {
      relay: (relay) => {
        relay.destinations[0] = destination({}, { state: "failing", consecutive_failures: 3 });
        relay.intercept = (request, path) =>
          path === "/api/deliveries" && !request.url.includes("status=dead")
            ? Response.json({ data: [failedDelivery], next_cursor: null })
            : null;
      },
    },
  ],
  [
    "a destination whose circuit is open",
    "destination_circuit_open",
    {
      relay: (relay) => {
        const circuit_opened_at = "2026-11-24T10:05:00.000Z";
        relay.destinations[0] = destination({}, { state: "failing", consecutive_failures: 30, circuit_opened_at });
      },
    },
  ],
  [
    "a destination whose circuit is open, seen without a token",
    "destination_circuit_open",
    { ...degraded("open_circuits"), here: () => noToken },
  ],
  [
    "a destination that is paused",
    "destination_paused",
    { relay: (relay) => (relay.destinations[0] = destination({ enabled: false }, { state: "paused" })) },
  ],
  [
    "a queue that is not where it should be",
    "queue_outside_jurisdiction",
    { here: () => deployedWith((found) => found.queues.set(EVENTS, { ...queueOf(found), jurisdiction: null })) },
  ],
  [
    "a queue that was deleted and created again",
    "deployment_incomplete",
    {
      here: () =>
        deployedWith((found) => found.queues.set(EVENTS, { ...queueOf(found), producers: [], consumers: [] })),
    },
  ],
  ["deliveries that ended as dead", "deliveries_dead", { relay: (relay) => relay.deliveries.push(failedDelivery) }],
];

async function examineWith({ relay, qonto, here, world }: Fault): Promise<Checked[]> {
  relay?.(scene.relay);
  qonto?.(scene);
  return scene.examine(here?.(scene) ?? {}, world);
}

describe("the doctor names the fault", () => {
  it.each(table)("%s: %s", async (_what, name, fault) => {
    const examined = await examineWith(fault);
    expect(faultsOf(examined)).toEqual([name, ...(fault.besides ?? [])]);
    const [finding] = findingsOf(examined);
    for (const text of [finding?.what, finding?.seen, finding?.remedy, ...(finding?.commands ?? [])]) {
      expect(text).toMatch(/\S.{8,}/);
      expect(text).not.toMatch(/undefined|null|NaN|Infinity|\[object|\{/);
    }
  });

  it("and this table has each name that it has", () => {
    const named = new Set<string>(table.flatMap(([, name, { besides = [] }]) => [name, ...besides]));
    expect(Object.keys(faults).filter((name) => !named.has(name))).toEqual([]);
  });
});

describe("a relay that lacks settings", () => {
  const lacking = async (name: string, fault: Fault) =>
    findingsOf(await examineWith(fault)).find((finding) => finding.fault === name);

  it("is told their names, as /health gives them, and the command for each", async () => {
    const detail = "ADMIN_TOKEN is not set; RETENTION_DAYS must be a number.";
    expect(await lacking("relay_not_configured", degraded("configuration", detail))).toMatchObject({
      what: expect.stringContaining("lacks ADMIN_TOKEN, RETENTION_DAYS,"),
      commands: ["npx wrangler secret put ADMIN_TOKEN", "npx wrangler secret put RETENTION_DAYS"],
    });
  });

  it("is told which half of its application at Qonto is missing", async () => {
    const detail = "QONTO_CLIENT_SECRET is not set, and QONTO_CLIENT_ID is.";
    expect(await lacking("relay_not_configured", degraded("configuration", detail))).toMatchObject({
      commands: ["npx wrangler secret put QONTO_CLIENT_SECRET"],
    });
  });

  it("is told the secret of the events that it refuses", async () => {
    expect(await lacking("relay_not_configured", answering(503, "not_configured"))).toMatchObject({
      what: expect.stringContaining("lacks QONTO_WEBHOOK_SECRETS,"),
      commands: ["npx wrangler secret put QONTO_WEBHOOK_SECRETS"],
    });
  });
});

it("the doctor says what a 429 of the operator's API means", async () => {
  const limited = (path: string) =>
    path.startsWith("/api/")
      ? Response.json({ code: "too_many_requests", detail: "Wait a minute." }, { status: 429 })
      : null;
  const examined = await examineWith({ relay: (relay) => (relay.intercept = (_, path) => limited(path)) });
  expect(findingsOf(examined)).toMatchObject([
    { fault: "admin_token_refused", what: expect.stringContaining("too many wrong tokens from this address") },
  ]);
});

describe("a healthy relay", () => {
  it("passes every check", async () => {
    scene.relay.connections.push(connection());
    const examined = await scene.examine();
    expect(findingsOf(examined)).toEqual([]);
    expect(new Set(Object.values(outcomes(examined)))).toEqual(new Set(["passed"]));
  });

  it("is examined in the order of Qonto's own list", async () => {
    expect(Object.keys(outcomes(await scene.examine())).slice(0, 8)).toEqual([
      "address",
      "certificate",
      "answer",
      "subscription",
      "types",
      "connection",
      "onboarding",
      "signature",
    ]);
  });

  it("gets nothing but canaries, marked as such", async () => {
    const posted: Request[] = [];
    scene.relay.intercept = (request, path) => {
      if (path === "/webhooks/qonto") posted.push(request.clone());
      return null;
    };
    await scene.examine();
    expect(posted.length).toBeGreaterThan(8);
    expect(posted.map(({ headers }) => headers.get("x-relay-canary"))).toEqual(posted.map(() => "doctor"));
    const bodies: any[] = await Promise.all(posted.map((request) => request.json()));
    expect(new Set(bodies.map(({ type, event_type }) => type ?? event_type))).toEqual(new Set(["relay.canary"]));
  });

  it("has no fault without any credential, as far as can be seen", async () => {
    const lacking = skipped("There is none.", "Set it.");
    const secrets = { business: null, onboarding: null };
    const examined = await scene.examine({ relay: lacking, qonto: lacking, secrets, partnerId: null });
    expect(findingsOf(examined)).toEqual([]);
    expect(outcomes(examined)).toMatchObject({
      answer: "passed",
      subscription: "skipped",
      signature: "passed",
      access: "skipped",
      health: "passed",
      queues: "skipped",
      destinations: "skipped",
    });
  });

  it("on this machine has no fault either, without https, where Qonto cannot reach it, with private destinations", async () => {
    scene.relay.diagnostics.configuration.allow_private_destinations = true;
    const examined = await scene.examine(
      { address: readAddress("http://localhost:8787"), qonto: skipped("No access.", "Set it.") },
      { lookup: async () => ["127.0.0.1", "::1"] },
    );
    expect(findingsOf(examined)).toEqual([]);
    expect(outcomes(examined)).toMatchObject({ address: "passed", certificate: "skipped", answer: "passed" });
  });
});

describe("a relay that is down", () => {
  it("is named once, all that hangs on it is left out, and what does not is examined", async () => {
    const examined = await scene.examine({}, broken("ECONNREFUSED"));
    expect(faultsOf(examined)).toEqual(["relay_unreachable"]);
    expect(outcomes(examined)).toMatchObject({
      address: "passed",
      answer: "failed",
      subscription: "passed",
      signature: "skipped",
      health: "skipped",
    });
  });
});

describe("a relay of another version", () => {
  const without = (path: string, name: string): Fault => ({
    relay: (relay) => {
      relay.intercept = (_request, asked) => {
        if (asked !== path) return null;
        const answer = path === "/health" ? { checks: relay.health } : { ...relay.diagnostics };
        return Response.json(JSON.parse(JSON.stringify(answer, (key, value) => (key === name ? undefined : value))));
      };
    },
  });

  it("that lacks a field of the diagnostics is told which, and what does not depend on them is checked", async () => {
    const examined = await examineWith(without("/api/diagnostics", "signature_vectors"));
    expect(findingsOf(examined)).toMatchObject([
      { fault: "relay_api_fails", seen: expect.stringContaining("`signature_vectors` (200 other_version") },
    ]);
    expect(outcomes(examined)).toMatchObject({ health: "passed", queues: "skipped", destinations: "passed" });
  });

  it("that lacks a check of /health has the others read", async () => {
    const examined = await examineWith(without("/health", "storage"));
    expect([faultsOf(examined), outcomes(examined)["health"]]).toEqual([[], "passed"]);
  });
});

describe("the credentials", () => {
  it("of one who may only read, leave the queues without a canary, and no fault", async () => {
    scene.relay.intercept = (request, path) =>
      request.method === "POST" && path.startsWith("/api/")
        ? Response.json({ code: "forbidden", detail: "No." }, { status: 403 })
        : null;
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    expect(outcomes(examined)).toMatchObject({ queues: "skipped", destinations: "passed" });
  });

  it("a wrong token is presented once: wrong ones are slowed down", async () => {
    let presented = 0;
    scene.relay.intercept = (_request, path) => {
      if (path.startsWith("/api/")) presented += 1;
      return null;
    };
    await scene.examine({ relay: scene.relayWith("wrong") });
    expect(presented).toBe(1);
  });
});

describe("Cloudflare Access before what the doctor asks", () => {
  it("and not before the webhook address is no fault: the doctor says what it could not look at, and how it could", async () => {
    const examined = await examineWith(accessBefore("/api/"));
    expect(faultsOf(examined)).toEqual([]);
    const skipped = {
      outcome: "skipped",
      why: "Cloudflare Access protects the operator's API.",
      enable: expect.stringMatching(/^Set CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET .* or let \/api through\.$/),
    };
    for (const name of ["access", "queues", "destinations"]) {
      expect(examined.find(({ check }) => check.name === name)?.result, name).toEqual(skipped);
    }
    expect(outcomes(examined)).toMatchObject({ answer: "passed", signature: "passed", health: "passed" });
  });

  it("before /health too, leaves that unread", async () => {
    const examined = await examineWith(accessBefore("/health"));
    expect(faultsOf(examined)).toEqual([]);
    expect(examined.find(({ check }) => check.name === "health")?.result).toMatchObject({
      outcome: "skipped",
      why: "Cloudflare Access protects /health.",
      enable: expect.stringContaining("or let /health through."),
    });
  });
});

describe("the queues", () => {
  it("are waited for until each consumer has had the canary", async () => {
    scene.relay.stuckQueues.add("dead_letters");
    let waits = 0;
    const wait = async () => {
      waits += 1;
      if (waits === 3) {
        scene.relay.diagnostics.queues.dead_letters.canary_consumed_at = new Date(Date.now() + 1_000).toISOString();
      }
    };
    expect(faultsOf(await scene.examine({}, { wait }))).toEqual([]);
    expect(waits).toBe(3);
    expect(scene.progress).toContainEqual(expect.stringMatching(/^queues: waiting for dead_letters/));
  });
});

describe("the subscription's address", () => {
  it("is not looked up when it is the relay's own", async () => {
    const looked: string[] = [];
    const lookup = async (host: string) => {
      looked.push(host);
      return ["104.16.0.1"];
    };
    await scene.examine({}, { lookup });
    expect(looked).toEqual(["relay.example.com"]);
  });

  it("may be in a private network when the relay is on this machine", async () => {
    scene.subscribe({ callback_url: "http://localhost:8787/webhooks/qonto" });
    scene.subscribe({ id: "sub-2", callback_url: "https://laptop.example.com/webhooks/qonto", types: ["v1/cards"] });
    const examined = await scene.examine(
      { address: readAddress("http://localhost:8787") },
      { lookup: async (host) => [host.startsWith("laptop") ? "192.168.1.7" : "127.0.0.1"] },
    );
    expect(outcomes(examined)).toMatchObject({ subscription: "passed" });
  });

  it.each([
    `${WEBHOOK}/`,
    "https://relay.example.com//webhooks/qonto",
    "https://relay.example.com/webhooks//qonto//",
    "https://RELAY.example.com/webhooks/qonto",
    "https://relay.example.com:443/webhooks/qonto",
  ])("%s is the same", async (callback_url) => {
    scene.subscribe({ callback_url });
    expect(faultsOf(await scene.examine())).toEqual([]);
  });
});

describe("a connected relay", () => {
  const resultOf = (examined: readonly Checked[], name: string) =>
    examined.find(({ check }) => check.name === name)?.result;

  it("needs no token of Qonto's here: what that would show is left out", async () => {
    scene.relay.connections.push(connection());
    const examined = await scene.examine({ qonto: skipped("There is none.", "Set it.") });
    expect(faultsOf(examined)).toEqual([]);
    expect(outcomes(examined)).toMatchObject({ connection: "passed", subscription: "skipped", types: "skipped" });
    expect(resultOf(examined, "subscription")).toMatchObject({ why: expect.stringContaining("see `connection`") });
  });

  it("keeps its own subscription, which a token of another client does not list", async () => {
    scene.relay.connections.push(connection());
    scene.qonto.subscriptions.clear();
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    expect(outcomes(examined)).toMatchObject({ subscription: "passed", types: "skipped" });
  });

  it("has no fault while it is filled for the first time", async () => {
    scene.relay.connections.push(connection({ connected_at: hoursAgo(1), reconciled_until: null, subscriptions: [] }));
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    expect(resultOf(examined, "connection")).toMatchObject({ says: expect.stringContaining("is being filled") });
  });

  it("has no fault while it catches up after it was connected again", async () => {
    scene.relay.connections.push(connection({ connected_at: hoursAgo(1), reconciled_until: hoursAgo(30) }));
    expect(faultsOf(await scene.examine())).toEqual([]);
  });

  it("that is not connected says how it could be, by what it lacks", async () => {
    const enable = async () => resultOf(await scene.examine(), "connection");
    expect(await enable()).toMatchObject({ outcome: "skipped", enable: expect.stringContaining("-- connect") });
    scene.relay.diagnostics.configuration.qonto_environment = null;
    expect(await enable()).toMatchObject({ outcome: "skipped", enable: expect.stringContaining("QONTO_CLIENT_ID") });
  });

  it("need not be told a secret of a subscription: its own is known to nobody else", async () => {
    scene.relay.connections.push(connection());
    scene.relay.diagnostics.configuration.secrets = { business: 0, onboarding: 1, subscriptions: 2 };
    const examined = await scene.examine({ secrets: { business: null, onboarding: null } });
    const result = resultOf(examined, "signature");
    expect(result).toMatchObject({ notes: [expect.stringContaining("is the relay's own")] });
  });

  it("that is at fault is told so once, and its /health does not pass", async () => {
    const examined = await examineWith({
      relay: (relay) => {
        relay.connections.push(connection({ status: "expired" }));
        degraded("connections").relay?.(relay);
      },
    });
    expect(faultsOf(examined)).toEqual(["connection_lost"]);
    expect(resultOf(examined, "health")).toEqual(skipped("/health is degraded (connections): see `connection`."));
  });

  it("whose /health alone sees a fault is told that", async () => {
    const detail = "The last check of the subscriptions of con_1 that succeeded was 4000 s ago.";
    scene.relay.connections.push(connection());
    const examined = await examineWith(degraded("connections", detail));
    expect(findingsOf(examined)).toMatchObject([
      { fault: "connection_at_fault", seen: `/health, connections: ${detail}` },
    ]);
  });

  it("is told at once of a type that it could not read", async () => {
    const last_error = "Reconciliation: v1/clients could not be read: Qonto lists 3 of 4; it was read 3 times.";
    const examined = await examineWith(connectedWith({ last_error }));
    expect(findingsOf(examined)).toMatchObject([
      {
        fault: "connection_fails",
        seen: expect.stringContaining(last_error),
        remedy: expect.stringMatching(/by itself, after a quarter of an hour at most, or after up to an hour/),
      },
    ]);
  });

  it("is told to look at its subscriptions when it has no other secret and signatures do not match", async () => {
    const remedyWith = async (business: number) => {
      scene.relay.diagnostics.configuration.secrets = { business, onboarding: 1, subscriptions: 2 };
      const examined = await examineWith(counted({ mismatched: 40 }));
      return findingsOf(examined).find(({ fault }) => fault === "signatures_mismatched")?.remedy;
    };
    expect(await remedyWith(0)).toMatch(/^The relay knows the secrets of its own subscriptions alone\./);
    expect(await remedyWith(1)).toMatch(/^Compare QONTO_WEBHOOK_SECRETS with the secret of each subscription\./);
  });

  it("is told of types that the catalogue does not name, which is no fault", async () => {
    scene.relay.diagnostics.configuration.qonto_types = ["v1/transactions", "v1/transaction", "v1/unheard-of"];
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    const notes = [
      "QONTO_TYPES names what is not in the catalogue, perhaps by a misprint: v1/transaction, v1/unheard-of.",
    ];
    expect(resultOf(examined, "configuration")).toMatchObject({ outcome: "passed", notes });
    scene.relay.diagnostics.configuration.qonto_types = ["v1/transactions"];
    expect(resultOf(await scene.examine(), "configuration")).toMatchObject({ notes: [] });
  });

  it("is told of subscriptions that are another's, which is no fault", async () => {
    const foreign = { id: "sub-8", types: ["v1/cards"], status: "foreign" };
    const { subscriptions } = connection();
    scene.relay.connections.push(connection({ subscriptions: [...subscriptions, foreign] }));
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    expect(resultOf(examined, "connection")).toMatchObject({ notes: [expect.stringContaining("sub-8")] });
  });

  it("is told of types that Qonto does not take, which is no fault", async () => {
    scene.relay.connections.push(connection({ refused_types: ["v1/products", "v1/unheard-of"] }));
    const examined = await scene.examine();
    expect(faultsOf(examined)).toEqual([]);
    const notes = [expect.stringMatching(/^Qonto does not take .+: v1\/products, v1\/unheard-of\. .*QONTO_TYPES/)];
    expect(resultOf(examined, "connection")).toMatchObject({ outcome: "passed", notes });
  });
});
