import type { Consent, Consents } from "./consents.ts";
import { flatError, missingScope } from "./errors.ts";
import type { QontoFaults } from "./faults.ts";
import { RateLimit, type Window, documentedUnauthorizedLimit } from "./rate-limit.ts";
import { scopeOfPath } from "./scopes.ts";
import type { QontoWorld } from "./world.ts";

export interface GateOptions {
  readonly consents: Consents;
  readonly faults: QontoFaults;
  readonly limits: readonly Window[];
  readonly stagingToken: string | undefined;
  readonly world: Pick<QontoWorld, "now">;
}

/** What stands before every endpoint: the rate limits, who calls, and what they may. */
export class Gate {
  readonly #options: GateOptions;
  readonly #limit: RateLimit;
  readonly #unauthorized = new RateLimit([documentedUnauthorizedLimit]);

  constructor(options: GateOptions) {
    this.#options = options;
    this.#limit = new RateLimit(options.limits);
  }

  /** The answer of a call that is not let through; null of one that is. `status`: a fault with which it is refused. */
  refuse(request: Request, path: string, status: number | undefined): Response | null {
    const { faults, stagingToken, world } = this.#options;
    const now = world.now();
    const waitMs = Math.max(this.#limit.waitMs(now), this.#unauthorized.waitMs(now));
    if (waitMs > 0) return this.#tooMany(waitMs);
    this.#limit.note(now);
    if (status === 429) return this.#tooMany(1_000);
    if (status !== undefined) return flatError(status, "fault", "The API fails");
    // The authorization server asks for no access token.
    if (path.startsWith("/oauth2/")) return null;
    const consent = this.#findConsent(request);
    const isOfSandbox = stagingToken === undefined || request.headers.get("x-qonto-staging-token") === stagingToken;
    if (consent === null || !isOfSandbox) {
      this.#unauthorized.note(now);
      const detail = consent === null ? "The access token is invalid" : "The staging token is missing or wrong";
      return flatError(401, "unauthorized", detail);
    }
    const scope = scopeOfPath(path);
    return path === faults.forbidden || !consent.scopes.includes(scope) ? missingScope(scope) : null;
  }

  /** Whose token a call bears that was let through. */
  consentOf(request: Request): Consent {
    const consent = this.#findConsent(request);
    if (consent === null) throw new Error("A call without a valid token was let through");
    return consent;
  }

  #findConsent(request: Request): Consent | null {
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    return token === undefined ? null : this.#options.consents.consentOf(token);
  }

  #tooMany(waitMs: number): Response {
    const response = flatError(429, "too_many_requests", "The rate limit is reached");
    if (this.#options.faults.withoutRetryAfter !== true) {
      response.headers.set("retry-after", String(Math.ceil(waitMs / 1000)));
    }
    return response;
  }
}
