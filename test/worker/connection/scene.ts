import { env } from "cloudflare:workers";
import type { LookAfterContext } from "../../../src/connection/context.ts";
import { lookAfterConnections } from "../../../src/connection/look-after.ts";
import { Counters } from "../../../src/domain/counters.ts";
import { type Bindings, isConnectable, openBindings, readConfig } from "../../../src/env.ts";
import { decrypt, encrypt } from "../../../src/platform/encryption.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { type Connection, findConnection } from "../../../src/store/connections.ts";
import { type Intercept, interceptDatabase, never } from "../support/database.ts";
import { qontoApplication } from "../support/connected-relay.ts";
import type { TestRelay } from "../support/relay.ts";
import { database } from "../support/store.ts";

/** From then on the tokens of a connection that was just made are refreshed. */
export const REFRESH_IS_DUE_SECONDS = 41 * 60;

interface Between {
  readonly bindings?: Bindings;
  readonly fetch?: LookAfterContext["world"]["fetch"];
}

/** What the cron hands to its task, unless a test stands between the relay and its bindings or Qonto. */
export function contextOf(relay: TestRelay, between: Between = {}): LookAfterContext {
  const { bindings = relay.env, fetch = relay.qonto.fetch } = between;
  const { now, setTimer } = relay.clock;
  const world = { ...realWorld, now, setTimer, random: () => 0, fetch };
  const opened = openBindings(world)(bindings);
  const config = readConfig(opened);
  if (!isConnectable(config)) throw new Error("The relay is no application of Qonto's");
  return { env: opened, config, world, counters: new Counters() };
}

/** The cron's task by itself, for tests that live through days. */
export async function lookAfter(relay: TestRelay): Promise<unknown> {
  return relay.clock.waitFor(lookAfterConnections(contextOf(relay)));
}

/** Lets minutes pass, with the queues and the cron's task in each, or in every so many. */
export async function liveThroughMinutes(relay: TestRelay, minutes: number, every = 1): Promise<void> {
  for (let minute = 0; minute < minutes; minute += every) {
    await relay.liveThrough(every * 60);
    await lookAfter(relay);
  }
}

export async function rowOf({ id }: Pick<Connection, "id">): Promise<Connection> {
  const found = await findConnection(database, id);
  if (found === null) throw new Error(`There is no connection ${id}`);
  return found;
}

/** Payloads of the events that the relay has told of itself. */
export async function operationalEvents(): Promise<unknown[]> {
  const { results } = await env.DB.prepare("SELECT body FROM events WHERE id GLOB 'relay_*'").all<{ body: string }>();
  return results.map(({ body }) => JSON.parse(body));
}

/** Whether Qonto accepts the access token that is kept. */
export async function works(relay: TestRelay, connection: Pick<Connection, "id">): Promise<boolean> {
  const { id, accessToken } = await rowOf(connection);
  const decrypted = await decrypt(contextOf(relay).config.encryptionKeys, accessToken, id);
  return decrypted !== null && relay.qonto.consents.consentOf(decrypted) !== null;
}

/** How often tokens were asked for. */
export function tokenRequests(relay: TestRelay): number {
  return relay.qonto.calls.filter((call) => call === "POST /oauth2/token").length;
}

export function intercept(relay: TestRelay, by: Intercept): void {
  relay.env = { ...relay.env, DB: interceptDatabase(env.DB, by) };
}

export function isWriteOfTokens({ statements }: { readonly statements: readonly string[] }): boolean {
  return statements.some((sql) => sql.includes("SET access_token = ?3"));
}

/** The process is killed when D1 is asked to write new tokens: it does not. Returns what brings up another process. */
export function killAtWriteOfTokens(relay: TestRelay): () => void {
  const { env: before, died } = relay;
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  relay.died = promise;
  intercept(relay, (call, proceed) => {
    if (!isWriteOfTokens(call)) return proceed();
    reject(new Error("The process is gone"));
    return never;
  });
  return () => {
    relay.env = before;
    relay.died = died;
  };
}

/** Nothing works any more that was granted for an organization. Nobody tells. */
export function endConsents(relay: TestRelay, { organizationId }: Pick<Connection, "organizationId">): void {
  for (const consent of relay.qonto.consents.of(organizationId, qontoApplication.QONTO_CLIENT_ID))
    consent.hasEnded = true;
}

/** Another isolate has refreshed the tokens. */
export async function writeOtherTokens(relay: TestRelay, { id }: Pick<Connection, "id">): Promise<void> {
  const { config, world } = contextOf(relay);
  const { accessToken, refreshToken } = relay.qonto.grant();
  const encrypted = (text: string) => encrypt(config.trustedKeys, text, id, world);
  const update = `UPDATE connections SET access_token = ?2, refresh_token = ?3, refreshed_at = refreshed_at + 1,
    refresh_attempted_at = NULL WHERE id = ?1`;
  await env.DB.prepare(update)
    .bind(id, await encrypted(accessToken), await encrypted(refreshToken ?? ""))
    .run();
}

/** Another isolate has refreshed the tokens, and Qonto takes no other ones. */
export async function refuseAccessTokens(relay: TestRelay, connection: Connection): Promise<void> {
  endConsents(relay, connection);
  await writeOtherTokens(relay, connection);
}
