import { encrypt } from "../../../src/platform/encryption.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { type Bindings, openBindings, readConfig } from "../../../src/env.ts";
import { type Connection, findConnection, listConnections } from "../../../src/store/connections.ts";
import type { Scope } from "../../support/qonto-server/scopes.ts";
import { exampleApplication } from "../../support/qonto-server/simulated-qonto.ts";
import { Visitor } from "../console/visitor.ts";
import { insertConnection } from "./connections.ts";
import type { TestRelay } from "./relay.ts";

/** Variables of a relay that can be connected to the simulated Qonto of a test. */
export const qontoApplication = {
  QONTO_CLIENT_ID: exampleApplication.clientId,
  QONTO_CLIENT_SECRET: exampleApplication.clientSecret,
} as const satisfies Partial<Bindings>;

interface Connecting {
  /** The first organization of the simulated Qonto, unless a test says which. */
  readonly organizationId?: string;
  readonly scopes?: readonly Scope[];
}

/** An operator connects an organization in the console, and one of its members consents at Qonto. */
export async function connect(relay: TestRelay, organizationId = relay.qonto.bank.organizationId): Promise<Connection> {
  const visitor = await Visitor.loggedIn(relay);
  const begun = await visitor.press("/console/qonto/connect", {}, "/console/qonto");
  const callback = new URL(await relay.qonto.decide(nextAddress(begun), "accept", organizationId));
  await visitor.getFromElsewhere(callback.pathname + callback.search);
  const connections = await listConnections(openBindings(realWorld)(relay.env).DB);
  const connected = connections.find((one) => one.organizationId === organizationId);
  if (connected === undefined) throw new Error("The organization is not connected");
  return connected;
}

/** Where a page of the console sends the browser. */
export function nextAddress({ headers }: Response): string {
  return /^0; url=(.+)$/.exec(headers.get("refresh") ?? "")?.[1] ?? "";
}

/**
 * Writes the row of an organization that has just been connected, with tokens that Qonto accepts, all work on it due. For tests
 * of what comes after the operator has pressed the button.
 */
export async function connectDirectly(relay: TestRelay, connecting: Connecting = {}): Promise<Connection> {
  const { organizationId = relay.qonto.bank.organizationId } = connecting;
  const { trustedKeys, qonto } = readConfig(openBindings(realWorld)(relay.env));
  if (qonto === null) throw new Error("The relay is no application of Qonto's: make it with qontoApplication");
  const { accessToken, accessExpiresAt, refreshToken, scopes } = relay.qonto.grant(connecting);
  if (refreshToken === null) throw new Error("Without offline_access there is no refresh token");
  const id = crypto.randomUUID();
  const { now } = relay;
  await insertConnection(now, {
    id,
    organization_id: organizationId,
    organization_name: relay.qonto.bankOf(organizationId).name,
    environment: qonto.environment,
    history_until: Math.ceil(now / 1000) * 1000,
    scopes,
    access_token: await encrypt(trustedKeys, accessToken, id, realWorld),
    access_expires_at: accessExpiresAt,
    refresh_token: await encrypt(trustedKeys, refreshToken, id, realWorld),
    lease_until: 0,
    subscriptions: [],
    subscriptions_due_at: now,
    reconciled_until: null,
    reconciliation_due_at: now,
  });
  const connection = await findConnection(openBindings(realWorld)(relay.env).DB, id);
  if (connection === null) throw new Error("The connection was not written");
  return connection;
}
