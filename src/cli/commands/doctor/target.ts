import { z } from "zod";
import { diagnostics as diagnosticsSchema } from "../../../api/schemas/diagnostics.ts";
import { health as healthSchema } from "../../../api/schemas/health.ts";
import type { Source } from "../../../domain/event.ts";
import { CANARY_HEADER, CANARY_TYPE } from "../../../domain/canary.ts";
import type { Secret } from "../../../platform/hmac.ts";
import { accessRemedy, isFromAccess } from "../../cloudflare-access.ts";
import { Fault } from "../../fault.ts";
import { dateOf, send, tryParseLosslessly } from "../../network.ts";
import { type RelayClient, RelayRefusal } from "../../relay-client.ts";
import { type WebhookAnswer, postWebhook } from "../../webhook.ts";
import { DESTINATIONS_PATH, type Destination, destination } from "../destinations.ts";
import { type Subscription, listSubscriptions } from "../subscriptions.ts";
import type { Circumstances } from "./circumstances.ts";
import { type Finding, type Result, failed, skipped } from "./finding.ts";

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

const CANARIES = 5;
/** When none of the first canaries is answered, no more are sent. */
const UNANSWERED_CANARIES = 2;

interface Canary {
  readonly source: Source;
  /** Null: it is not signed. */
  readonly secret: Secret | null;
  readonly ageSeconds?: number;
}

/** The relay that is examined. What several checks ask of it is asked once. */
export class Target {
  readonly circumstances: Circumstances;

  constructor(circumstances: Circumstances) {
    this.circumstances = circumstances;
  }

  /** The host's addresses, or why they cannot be resolved. */
  readonly addresses = once(async () => {
    const { world, address } = this.circumstances;
    try {
      return { found: await world.lookup(address.host) };
    } catch (error) {
      return { code: error instanceof Error && "code" in error ? String(error.code) : "unknown" };
    }
  });

  async requireHost(): Promise<void> {
    if ("code" in (await this.addresses())) throw new CheckEnded(skipped("Its host is not found: see `address`."));
  }

  /** `/health`, also when it says degraded. `health` is null when nothing like it is there. */
  readonly #health = once(async () => {
    const { address, world, accessHeaders: headers } = this.circumstances;
    const url = `${address.origin}/health`;
    const outcome = await send(url, { headers, answersWithinMs: world.timeouts.answerMs }, world);
    if (outcome.status === null) return null;
    const found = health.safeParse(tryParseLosslessly(outcome.text)).data ?? null;
    const date = dateOf(outcome);
    return {
      health: found,
      isBehindAccess: found === null && isFromAccess(outcome, url),
      clockAheadMs: date === null ? null : date - world.now(),
    };
  });

  async health(): Promise<Health> {
    await this.#requireAnswer();
    const answer = await this.#health();
    if (answer?.isBehindAccess === true) {
      throw new CheckEnded(skipped("Cloudflare Access protects /health.", accessRemedy("/health")));
    }
    if (answer === null || answer.health === null) {
      throw new CheckEnded(skipped("Nothing like the relay's /health is there."));
    }
    return answer.health;
  }

  /** Names of the variables that /health says are missing or wrong. */
  async variablesAtFault(): Promise<string[]> {
    const detail = (await this.#health())?.health?.checks.configuration?.detail;
    return detail === undefined ? [] : variablesNamedIn(detail);
  }

  /** Whether the operator's API lets the doctor in, and what it says of the relay. */
  readonly access = once(async () => {
    const { relay, accessHeaders } = this.circumstances;
    if (!("thing" in relay)) return { state: "closed", ...relay } as const;
    try {
      return { state: "open", diagnostics: await relay.thing.get("/api/diagnostics", diagnosticsSchema) } as const;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const isBehindAccess = error instanceof RelayRefusal && error.code === "behind_access";
      if (isBehindAccess && Object.keys(accessHeaders).length === 0) {
        const lacks = "Cloudflare Access protects the operator's API.";
        return { state: "closed", lacks, enable: accessRemedy("/api") } as const;
      }
      const isRefusal = error instanceof RelayRefusal && [401, 403, 429].includes(error.status);
      return { state: isRefusal || isBehindAccess ? "refused" : "failing", fault: error } as const;
    }
  });

  async diagnostics(): Promise<Diagnostics> {
    const diagnostics = await this.knownDiagnostics();
    if (diagnostics !== null) return diagnostics;
    await this.#requireAccess();
    throw new CheckEnded(skipped("The operator's API gives no diagnostics: see `access`."));
  }

  async knownDiagnostics(): Promise<Diagnostics | null> {
    if (await this.isSilent()) return null;
    const access = await this.access();
    return access.state === "open" ? access.diagnostics : null;
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
    const { relay } = this.circumstances;
    await this.#requireAnswer();
    if (!("thing" in relay)) throw new CheckEnded(skipped(relay.lacks, relay.enable));
    const access = await this.access();
    if (access.state === "closed") throw new CheckEnded(skipped(access.lacks, access.enable));
    if (access.state === "refused") {
      throw new CheckEnded(skipped("The operator's API does not let the doctor in: see `access`."));
    }
    return relay.thing;
  }

  async #requireAnswer(): Promise<void> {
    if (await this.isSilent()) throw new CheckEnded(skipped("The relay does not answer: see `answer`."));
  }

  readonly destinations = once((): Promise<Destination[]> => this.list(DESTINATIONS_PATH, destination));

  /** How far the relay's clock is ahead of this machine's, by what it says itself; null when it does not. */
  readonly clockAheadMs = once(async (): Promise<number | null> => {
    const answer = await this.#health();
    if (answer === null || answer.clockAheadMs !== null) return answer?.clockAheadMs ?? null;
    const access = await this.access();
    return access.state === "open" ? Date.parse(access.diagnostics.now) - this.circumstances.world.now() : null;
  });

  /** Sends one canary to the webhook. It is dated by the relay's clock, so that only the check of clocks depends on ours. */
  async canary({ source, secret, ageSeconds = 0 }: Canary): Promise<WebhookAnswer> {
    const { address, world } = this.circumstances;
    const nowMs = world.now() + ((await this.clockAheadMs()) ?? 0);
    const timestampSeconds = Math.floor(nowMs / 1000) - ageSeconds;
    const body = Uint8Array.from(new TextEncoder().encode(JSON.stringify(canaryEvent(source, timestampSeconds))));
    return postWebhook(
      address.webhookUrl,
      { source, body, secret, timestampSeconds },
      { world, answersWithinMs: world.timeouts.answerMs, headers: { [CANARY_HEADER]: "doctor" } },
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

  async isSilent(): Promise<boolean> {
    return isSilence(await this.canaries());
  }

  /** Whether events are refused because the database lacks migrations. */
  async isNotReady(): Promise<boolean> {
    return (await this.canaries()).some(({ code }) => code === "not_ready");
  }

  readonly subscriptions = once(async (): Promise<Subscription[]> => {
    const { qonto } = this.circumstances;
    if (!("thing" in qonto)) throw new CheckEnded(skipped(qonto.lacks, qonto.enable));
    return Array.fromAsync(listSubscriptions(qonto.thing));
  });
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

export function apiFailure({ message, remedy }: Fault): Finding {
  return { fault: "relay_api_fails", seen: remedy === undefined ? message : `${message} ${remedy}` };
}

/** The work is done at the first call; every call gets its result. */
function once<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= work());
}
