import { z } from "zod";
import { diagnostics as diagnosticsSchema } from "../../../api/schemas/diagnostics.ts";
import { health as healthSchema } from "../../../api/schemas/health.ts";
import type { Source } from "../../../domain/event.ts";
import { CANARY_HEADER, CANARY_TYPE } from "../../../domain/canary.ts";
import type { Secret } from "../../../platform/hmac.ts";
import { accessRemedy, isFromAccess } from "../../cloudflare-access.ts";
import { Fault } from "../../fault.ts";
import { dateOf, tryParseLosslessly } from "../../../platform/http.ts";
import { sendInTime } from "../../network.ts";
import { type RelayClient, RelayRefusal } from "../../relay-client.ts";
import { type WebhookAnswer, postWebhook } from "../../webhook.ts";
import { type Connection, listConnections } from "../connections.ts";
import { DESTINATIONS_PATH } from "../../destination-path.ts";
import { type Destination, destination } from "../destinations.ts";
import { type Subscription, listSubscriptions } from "../subscriptions.ts";
import { ANSWERS_WITHIN_MS, type Access, type Circumstances, codeOf } from "./circumstances.ts";
import { type Finding, type Result, failed, judged, skipped } from "./finding.ts";

/** A check of /health that an older relay does not have is left out. */
const health = z.object({ checks: healthSchema.shape.checks.partial() });

export type Health = z.output<typeof health>;
export type Diagnostics = z.output<typeof diagnosticsSchema>;

/** Ends a check early, with its result. */
export class CheckEnded extends Error {
  readonly result: Result;

  constructor(result: Result) {
    super("The check has ended");
    this.result = result;
  }
}

/** What a check cannot do without: where it is lacking, the check ends as skipped. */
export function thingOf<Thing>(access: Access<Thing>): Thing {
  if ("thing" in access) return access.thing;
  throw new CheckEnded(access);
}

const CANARIES = 5;
/** When none of the first canaries is answered, no more are sent. */
const UNANSWERED_CANARIES = 2;

interface Canary {
  readonly source: Source;
  /** Null: it is not signed. */
  readonly secret: Secret | null;
  readonly ageSeconds?: number;
}

/** A host's addresses, or the code of why they are not found. */
export type Addresses = { readonly found: readonly string[] } | { readonly code: string };

interface OperatorAccess {
  /** That of the check `access`. */
  readonly result: Result;
  /** Undefined where it lets nobody in. */
  readonly relay?: RelayClient;
  readonly diagnostics?: Diagnostics;
}

/** The relay that is examined. What several checks ask of it is asked once. */
export class Target {
  readonly circumstances: Circumstances;

  constructor(circumstances: Circumstances) {
    this.circumstances = circumstances;
  }

  /** The addresses of its host. */
  readonly addresses = once(() => this.lookUp(this.circumstances.address.host));

  async lookUp(host: string): Promise<Addresses> {
    try {
      return { found: await this.circumstances.world.lookup(host) };
    } catch (error) {
      return { code: codeOf(error) ?? "unknown" };
    }
  }

  async requireHost(): Promise<void> {
    if ("code" in (await this.addresses())) throw new CheckEnded(skipped("Its host is not found: see `address`."));
  }

  /** `/health`, also when it says degraded. `health` is undefined when nothing like it is there. */
  readonly #health = once(async () => {
    const { address, world, accessHeaders: headers } = this.circumstances;
    const url = `${address.origin}/health`;
    const outcome = await sendInTime(url, { headers, answersWithinMs: ANSWERS_WITHIN_MS }, world);
    if (outcome.status === null) return null;
    const found = health.safeParse(tryParseLosslessly(outcome.text)).data;
    const date = dateOf(outcome);
    return {
      health: found,
      isBehindAccess: found === undefined && isFromAccess(outcome, url),
      clockAheadMs: date === null ? null : date - world.now(),
    };
  });

  async health(): Promise<Health> {
    await this.requireAnswer();
    const answer = await this.#health();
    if (answer?.isBehindAccess === true) {
      throw new CheckEnded(skipped("Cloudflare Access protects /health.", accessRemedy("/health")));
    }
    if (answer?.health === undefined) throw new CheckEnded(skipped("Nothing like the relay's /health is there."));
    return answer.health;
  }

  /** Names of the variables that /health says are missing or wrong. */
  async variablesAtFault(): Promise<string[]> {
    return variablesNamedIn((await this.#health())?.health?.checks.configuration?.detail ?? "");
  }

  /** Whether the operator's API lets the doctor in, and what it says of the relay. A wrong token is tried once only. */
  readonly access = once(async (): Promise<OperatorAccess> => {
    const { relay, accessHeaders } = this.circumstances;
    if (!("thing" in relay)) return { result: relay };
    try {
      const diagnostics = await relay.thing.get("/api/diagnostics", diagnosticsSchema);
      return { result: judged([], "The operator's API lets the doctor in."), relay: relay.thing, diagnostics };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { code, status } = error instanceof RelayRefusal ? error : { code: "", status: 0 };
      if (code === "behind_access" && Object.keys(accessHeaders).length === 0) {
        return { result: skipped("Cloudflare Access protects the operator's API.", accessRemedy("/api")) };
      }
      if (code !== "behind_access" && ![401, 403, 429].includes(status)) {
        return { result: failed(apiFailure(error)), relay: relay.thing };
      }
      const fault = code === "behind_access" ? "service_token_refused" : "admin_token_refused";
      const refusal =
        status === 429 ? "has seen too many wrong tokens from this address" : "does not accept this token";
      return { result: failed({ fault, seen: error.message, about: { refusal } }) };
    }
  });

  async diagnostics(): Promise<Diagnostics> {
    await this.#requireAccess();
    const { diagnostics } = await this.access();
    if (diagnostics !== undefined) return diagnostics;
    throw new CheckEnded(skipped("The operator's API gives no diagnostics: see `access`."));
  }

  /** The same, for a check that goes on without. */
  async knownDiagnostics(): Promise<Diagnostics | undefined> {
    return (await this.isSilent()) ? undefined : (await this.access()).diagnostics;
  }

  /** Asks the operator's API. A refusal or a failure ends the check. */
  async ask<Answer>(question: (relay: RelayClient) => Promise<Answer>): Promise<Answer> {
    const relay = await this.#requireAccess();
    try {
      return await question(relay);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error instanceof RelayRefusal && error.status === 403) {
        throw new CheckEnded(skipped("This token may only read.", "Set ADMIN_TOKEN to one that may change things."));
      }
      if (((await this.knownDiagnostics())?.migrations.missing ?? []).length > 0) {
        throw new CheckEnded(skipped("The database lacks migrations: see `migrations`."));
      }
      throw new CheckEnded(failed(apiFailure(error)));
    }
  }

  /** The items of a list of the operator's API, up to `limit`. */
  list<Schema extends z.ZodType>(
    path: string,
    item: Schema,
    query: Parameters<RelayClient["list"]>[2] = {},
  ): Promise<z.output<Schema>[]> {
    return this.ask((relay) => Array.fromAsync(relay.list(path, item, query)));
  }

  async #requireAccess(): Promise<RelayClient> {
    await this.requireAnswer();
    const { result, relay } = await this.access();
    if (relay !== undefined) return relay;
    if (result.outcome === "skipped") throw new CheckEnded(result);
    throw new CheckEnded(skipped("The operator's API does not let the doctor in: see `access`."));
  }

  async requireAnswer(): Promise<void> {
    if (await this.isSilent()) throw new CheckEnded(skipped("The relay does not answer: see `answer`."));
  }

  async isSilent(): Promise<boolean> {
    return isSilence(await this.canaries());
  }

  readonly destinations = once((): Promise<Destination[]> => this.list(DESTINATIONS_PATH, destination));

  readonly connections = once((): Promise<Connection[]> => this.ask(listConnections));

  /** The same, for a check that goes on without. */
  async knownConnections(): Promise<Connection[]> {
    try {
      return await this.connections();
    } catch (error) {
      if (error instanceof CheckEnded) return [];
      throw error;
    }
  }

  /** How far the relay's clock is ahead of this machine's, by what it says itself; null when it does not. */
  readonly clockAheadMs = once(async (): Promise<number | null> => {
    const answer = await this.#health();
    if (answer === null) return null;
    if (answer.clockAheadMs !== null) return answer.clockAheadMs;
    const { diagnostics } = await this.access();
    return diagnostics === undefined ? null : Date.parse(diagnostics.now) - this.circumstances.world.now();
  });

  /** Sends one canary to the webhook. It is dated by the relay's clock, so that only the check of clocks depends on ours. */
  async canary({ source, secret, ageSeconds = 0 }: Canary): Promise<WebhookAnswer> {
    const { address, world } = this.circumstances;
    const nowMs = world.now() + ((await this.clockAheadMs()) ?? 0);
    const timestampSeconds = Math.floor(nowMs / 1000) - ageSeconds;
    const body = new TextEncoder().encode(JSON.stringify(canaryEvent(source, timestampSeconds)));
    return postWebhook(
      address.webhookUrl,
      { source, body, secret, timestampSeconds },
      { world, answersWithinMs: ANSWERS_WITHIN_MS, headers: { [CANARY_HEADER]: "doctor" } },
    );
  }

  /** Several canaries, one after the other; signed, if a secret is known. */
  readonly canaries = once(async (): Promise<WebhookAnswer[]> => {
    const { secrets, progress } = this.circumstances;
    const secret = secrets.business?.values[0] ?? null;
    const answers: WebhookAnswer[] = [];
    while (answers.length < CANARIES && !(answers.length === UNANSWERED_CANARIES && isSilence(answers))) {
      progress(`answer: canary ${answers.length + 1} of ${CANARIES} …`);
      answers.push(await this.canary({ source: "business", secret }));
    }
    return answers;
  });

  /** Whether events are refused because the database lacks migrations. */
  async isNotReady(): Promise<boolean> {
    return (await this.canaries()).some(({ code }) => code === "not_ready");
  }

  readonly subscriptions = once(async (): Promise<Subscription[]> =>
    Array.fromAsync(listSubscriptions(thingOf(this.circumstances.qonto))),
  );
}

function isSilence(answers: readonly WebhookAnswer[]): boolean {
  return answers.every(({ status }) => status === null);
}

function canaryEvent(source: Source, timestampSeconds: number) {
  const common = { id: `canary-${crypto.randomUUID()}`, created_at: new Date(timestampSeconds * 1000).toISOString() };
  return source === "business"
    ? { ...common, type: CANARY_TYPE, data: {} }
    : { ...common, event_type: CANARY_TYPE, resource_type: "canary", resource_id: common.id };
}

/** /health begins each fault of the configuration with the variable's name. */
export function variablesNamedIn(detail: string): string[] {
  return [...new Set(detail.split("; ").flatMap((fault) => /^[A-Z][A-Z_]+(?= )/.exec(fault) ?? []))];
}

function apiFailure({ message, remedy }: Fault): Finding {
  return { fault: "relay_api_fails", seen: remedy === undefined ? message : `${message} ${remedy}` };
}

/** The work is done at the first call; every call gets its result. */
function once<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= work());
}
