import { type Scope, scopes } from "./scopes.ts";
import type { QontoWorld } from "./world.ts";

const CODE_LASTS_MS = 600_000;
const ACCESS_TOKEN_LASTS_MS = 3_600_000;
const REFRESH_TOKEN_LASTS_MS = 90 * 86_400_000;
/** How long a refresh token stays valid after its first use. */
const GRACE_MS = 60_000;

/** An application of a client of Qonto's, as it is registered. */
export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
}

/** What one member of one organization has allowed one application. */
export interface Consent {
  readonly id: string;
  readonly clientId: string;
  readonly organizationId: string;
  readonly membershipId: string;
  scopes: readonly Scope[];
  hasEnded: boolean;
}

interface Code {
  readonly consent: Consent;
  readonly redirectUri: string;
  /** Of PKCE, base64url of SHA-256; null without. */
  readonly challenge: string | null;
  readonly expiresAt: number;
  isUsed: boolean;
}

interface RefreshToken {
  readonly consent: Consent;
  readonly expiresAt: number;
  firstUsedAt: number | null;
}

export interface TokenPair {
  readonly accessToken: string;
  readonly accessExpiresAt: number;
  /** Null without the scope `offline_access`. */
  readonly refreshToken: string | null;
  readonly scopes: readonly Scope[];
}

export interface CodeRequest extends Pick<Code, "redirectUri" | "challenge"> {
  readonly clientId: string;
  readonly organizationId: string;
  readonly membershipId: string;
  readonly scopes: readonly Scope[];
}

/** Who has allowed what to whom: codes, access tokens, and refresh tokens that rotate. Times are Unix milliseconds. */
export class Consents {
  readonly #all: Consent[] = [];
  readonly #codes = new Map<string, Code>();
  readonly #accessTokens = new Map<string, { readonly consent: Consent; readonly expiresAt: number }>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #world: Pick<QontoWorld, "now" | "randomId">;

  constructor(world: Pick<QontoWorld, "now" | "randomId">) {
    this.#world = world;
  }

  of(organizationId: string, clientId: string): Consent[] {
    return this.#all.filter((one) => one.organizationId === organizationId && one.clientId === clientId);
  }

  /** A token of all scopes that never expires, for a client that got it by hand. */
  addStaticToken(accessToken: string, of: Pick<Consent, "clientId" | "organizationId" | "membershipId">): void {
    this.#accessTokens.set(accessToken, { consent: this.#begin({ ...of, scopes }), expiresAt: Infinity });
  }

  /** Whose an access token is; null when it is not valid. */
  consentOf(accessToken: string): Consent | null {
    const token = this.#accessTokens.get(accessToken);
    if (token === undefined || token.consent.hasEnded || token.expiresAt <= this.#world.now()) return null;
    return token.consent;
  }

  /** A member consents: answers the code that the application exchanges. */
  issueCode({ redirectUri, challenge, ...of }: CodeRequest): string {
    const code = `code_${this.#world.randomId()}`;
    const expiresAt = this.#world.now() + CODE_LASTS_MS;
    this.#codes.set(code, { consent: this.#begin(of), redirectUri, challenge, expiresAt, isUsed: false });
    return code;
  }

  /** Null when the code is not valid. One that is used twice ends what its first use began. */
  exchangeCode(
    code: string,
    { clientId, redirectUri, challenge }: Pick<CodeRequest, "clientId" | "redirectUri" | "challenge">,
  ): TokenPair | null {
    const found = this.#codes.get(code);
    if (found === undefined || found.consent.clientId !== clientId) return null;
    if (found.isUsed) found.consent.hasEnded = true;
    const isValid = found.redirectUri === redirectUri && found.challenge === challenge;
    if (found.consent.hasEnded || !isValid || found.expiresAt <= this.#world.now()) return null;
    found.isUsed = true;
    return this.#issue(found.consent);
  }

  /** Null when the refresh token is not valid. */
  refresh(refreshToken: string, clientId: string): TokenPair | null {
    const now = this.#world.now();
    const found = this.#refreshTokens.get(refreshToken);
    if (found === undefined || found.consent.clientId !== clientId || found.consent.hasEnded) return null;
    if (found.expiresAt <= now || (found.firstUsedAt !== null && found.firstUsedAt + GRACE_MS < now)) return null;
    found.firstUsedAt ??= now;
    return this.#issue(found.consent);
  }

  /** Consents without a browser: answers the tokens. */
  grant(of: Omit<CodeRequest, "redirectUri" | "challenge">): TokenPair {
    return this.#issue(this.#begin(of));
  }

  #begin(of: Pick<Consent, "clientId" | "organizationId" | "membershipId" | "scopes">): Consent {
    const consent = { id: this.#world.randomId(), hasEnded: false, ...of };
    this.#all.push(consent);
    return consent;
  }

  #issue(consent: Consent): TokenPair {
    const now = this.#world.now();
    const accessToken = `access_${this.#world.randomId()}`;
    const accessExpiresAt = now + ACCESS_TOKEN_LASTS_MS;
    this.#accessTokens.set(accessToken, { consent, expiresAt: accessExpiresAt });
    if (!consent.scopes.includes("offline_access")) {
      return { accessToken, accessExpiresAt, refreshToken: null, scopes: consent.scopes };
    }
    const refreshToken = `refresh_${this.#world.randomId()}`;
    this.#refreshTokens.set(refreshToken, { consent, expiresAt: now + REFRESH_TOKEN_LASTS_MS, firstUsedAt: null });
    return { accessToken, accessExpiresAt, refreshToken, scopes: consent.scopes };
  }
}
