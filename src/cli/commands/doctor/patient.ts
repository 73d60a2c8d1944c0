import { accessRemedy, isFromAccess } from "../../cloudflare-access.ts";
import { Fault } from "../../fault.ts";
import { networkReason, tryParseLosslessly } from "../../network.ts";
import { type RelayClient, RelayRefusal } from "../../relay-client.ts";
import { type Destination, PATH as DESTINATIONS, destination } from "../destinations/destination.ts";
import { type Subscription, listSubscriptions } from "../subscriptions/subscription.ts";
import type { Circumstances } from "./circumstances.ts";
import { type Finding, type Result, failed, skipped } from "./finding.ts";
import { type Answer, type Probe, sendProbe } from "./probe.ts";
import { type Diagnostics, type Health, diagnosticsFacts, healthFacts } from "./relay-facts.ts";

/** Ends a check that cannot be made: with what it comes to instead. */
export class CannotExamine extends Error {
  readonly result: Result;

  constructor(result: Result) {
    super("The check cannot be made");
    this.result = result;
  }
}

const TRIES = 5;
/** Of these, the first ones: should none of them be answered, no other will be. */
const TRIES_IN_VAIN = 2;

/** The relay as the doctor examines it: what several checks ask is asked once. */
export class Patient {
  readonly circumstances: Circumstances;

  constructor(circumstances: Circumstances) {
    this.circumstances = circumstances;
  }

  /** The host's addresses, or why they cannot be had. */
  readonly addresses = once(async () => {
    const { world, target } = this.circumstances;
    try {
      return { found: await world.lookup(target.host) };
    } catch (error) {
      return { code: error instanceof Error && "code" in error ? String(error.code) : "unknown" };
    }
  });

  /** `/health`, whatever it says, and the answer's date; null when nothing like it is there. */
  readonly #health = once(async () => {
    const { target, world, accessHeaders } = this.circumstances;
    const { fetch, timeout, timeBoxes } = world;
    const url = `${target.origin}/health`;
    try {
      const response = await fetch(url, {
        headers: accessHeaders,
        redirect: "manual",
        signal: timeout(timeBoxes.answerMs),
      });
      const date = Date.parse(response.headers.get("date") ?? "");
      const health = healthFacts.safeParse(tryParseLosslessly(await response.text())).data ?? null;
      const isBehindAccess = health === null && isFromAccess(response, url);
      return { health, isBehindAccess, clockAheadMs: Number.isNaN(date) ? null : date - world.now() };
    } catch (error) {
      return { health: null, isBehindAccess: false, clockAheadMs: null, reason: networkReason(error) };
    }
  });

  async health(): Promise<Health> {
    await this.#mustAnswer();
    const { health, isBehindAccess } = await this.#health();
    if (isBehindAccess) {
      throw new CannotExamine(skipped("Cloudflare Access stands before /health.", accessRemedy("/health")));
    }
    if (health === null) throw new CannotExamine(skipped("Nothing like the relay's /health is there."));
    return health;
  }

  /** What the operator's API says of the relay, or that it does not. */
  readonly access = once(async () => {
    const { relay, accessHeaders } = this.circumstances;
    if (!("thing" in relay)) return { state: "closed", ...relay } as const;
    try {
      return { state: "open", diagnostics: await relay.thing.get("/api/diagnostics", diagnosticsFacts) } as const;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const isBehindAccess = error instanceof RelayRefusal && error.code === "behind_access";
      if (isBehindAccess && Object.keys(accessHeaders).length === 0) {
        const lacks = "Cloudflare Access stands before the operator's API.";
        return { state: "closed", lacks, enable: accessRemedy("/api") } as const;
      }
      const isRefusal = error instanceof RelayRefusal && [401, 403, 429].includes(error.status);
      return { state: isRefusal || isBehindAccess ? "refused" : "failing", fault: error } as const;
    }
  });

  async diagnostics(): Promise<Diagnostics> {
    const diagnostics = await this.knownDiagnostics();
    if (diagnostics !== null) return diagnostics;
    await this.#mustBeOpen();
    throw new CannotExamine(skipped("The operator's API gives no diagnostics: see `access`."));
  }

  async knownDiagnostics(): Promise<Diagnostics | null> {
    if (await this.isSilent()) return null;
    const access = await this.access();
    return access.state === "open" ? access.diagnostics : null;
  }

  /** Asks the operator's API; what it refuses or fails to tell ends the check. */
  async inside<Told>(ask: (relay: RelayClient) => Promise<Told>): Promise<Told> {
    const relay = await this.#mustBeOpen();
    try {
      return await ask(relay);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error instanceof RelayRefusal && error.status === 403) {
        throw new CannotExamine(skipped("This token may only read.", "Set ADMIN_TOKEN to one that may change things."));
      }
      if (((await this.knownDiagnostics())?.migrations.missing ?? []).length > 0) {
        throw new CannotExamine(skipped("The database lacks migrations: see `migrations`."));
      }
      throw new CannotExamine(failed(apiFails(error)));
    }
  }

  async #mustBeOpen(): Promise<RelayClient> {
    const { relay } = this.circumstances;
    await this.#mustAnswer();
    if (!("thing" in relay)) throw new CannotExamine(skipped(relay.lacks, relay.enable));
    const access = await this.access();
    if (access.state === "closed") throw new CannotExamine(skipped(access.lacks, access.enable));
    if (access.state === "refused") {
      throw new CannotExamine(skipped("The operator's API does not let the doctor in: see `access`."));
    }
    return relay.thing;
  }

  async #mustAnswer(): Promise<void> {
    if (await this.isSilent()) throw new CannotExamine(skipped("The relay does not answer: see `answer`."));
  }

  readonly destinations = once((): Promise<Destination[]> =>
    this.inside((relay) => Array.fromAsync(relay.list(DESTINATIONS, destination))),
  );

  /** How far the relay's clock is ahead of this machine's, by what it says itself; null when it does not. */
  readonly clockAheadMs = once(async (): Promise<number | null> => {
    const { clockAheadMs, reason } = await this.#health();
    if (clockAheadMs !== null || reason !== undefined) return clockAheadMs;
    const access = await this.access();
    return access.state === "open" ? access.diagnostics.now - this.circumstances.world.now() : null;
  });

  /** Sends one probe; by the relay's clock, so that only the check of the clocks minds this machine's. */
  async probe(probe: Omit<Probe, "timestampSeconds"> & { readonly ageSeconds?: number }): Promise<Answer> {
    const { target, world } = this.circumstances;
    const nowMs = world.now() + ((await this.clockAheadMs()) ?? 0);
    const timestampSeconds = Math.floor(nowMs / 1000) - (probe.ageSeconds ?? 0);
    return sendProbe(target.webhookUrl, { ...probe, timestampSeconds }, world);
  }

  /** Several probes, one after the other; signed, if a secret is known. */
  readonly tries = once(async (): Promise<Answer[]> => {
    const { secrets, progress } = this.circumstances;
    const secret = secrets.business?.values[0] ?? null;
    const answers: Answer[] = [];
    while (answers.length < TRIES && !(answers.length === TRIES_IN_VAIN && isSilence(answers))) {
      progress(`answer: try ${answers.length + 1} of ${TRIES} …`);
      answers.push(await this.probe({ source: "business", secret }));
    }
    return answers;
  });

  async isSilent(): Promise<boolean> {
    return isSilence(await this.tries());
  }

  /** Whether an event is refused because the database lacks migrations. */
  async isNotReady(): Promise<boolean> {
    return (await this.tries()).some(({ code }) => code === "not_ready");
  }

  readonly subscriptions = once(async (): Promise<Subscription[]> => {
    const { qonto } = this.circumstances;
    if (!("thing" in qonto)) throw new CannotExamine(skipped(qonto.lacks, qonto.enable));
    return Array.fromAsync(listSubscriptions(qonto.thing.client));
  });
}

function isSilence(answers: readonly Answer[]): boolean {
  return answers.every(({ status }) => status === null);
}

/** Applies the migrations, too. */
export const DEPLOY = "npm run deploy";

export function apiFails(fault: Fault): Finding {
  return {
    fault: "relay_api_fails",
    what: "The operator's API does not do what it is asked.",
    seen: fault.message,
    remedy:
      fault instanceof RelayRefusal && fault.code === "not_configured"
        ? (fault.remedy ?? "Set what it names.")
        : "Look at the relay's log. Missing migrations are the usual cause; `npm start` applies them to a local one.",
    commands: ["npx wrangler tail", DEPLOY],
  };
}

/** The work is done at the first call; all get what it came to. */
function once<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= work());
}
