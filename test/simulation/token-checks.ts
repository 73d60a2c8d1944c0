import { type SimulatedQonto as QontoServer, exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import type { Cloud, Invocation } from "./cloud.ts";

const TOKEN_PATH = "/oauth2/token";

/** The relay survives one fault in a refresh. An isolate that is lost counts twice: with its call, and by itself. */
const SURVIVED = 2;

/** It survives that Qonto's first answers cannot be read. A minute after its first use the token is not taken any more. */
const USES_SURVIVED = 3;

/** What the relay has made of a refresh token. */
interface TokenUse {
  /** Of the history, before its first use. */
  readonly disturbances: number;
  readonly callers: Set<Invocation>;
  /** Times that it was sent: with the new tokens it would not have been sent again. */
  uses: number;
}

/** What must be true of refreshes: each refresh token is exchanged by one at a time, and while Qonto takes it. */
export class TokenChecks {
  readonly #cloud: Cloud;
  readonly #server: QontoServer;
  readonly #uses = new Map<string, TokenUse>();
  /** Organization by refresh token. */
  readonly #granted = new Map<string, string>();
  /** Organizations whose refresh token was lost by more faults than are survived. */
  readonly #lost = new Set<string>();

  constructor(cloud: Cloud, server: QontoServer) {
    this.#cloud = cloud;
    this.#server = server;
  }

  granted(refreshToken: string | null, organizationId: string): void {
    if (refreshToken !== null) this.#granted.set(refreshToken, organizationId);
  }

  isLost(organizationId: string): boolean {
    return this.#lost.has(organizationId);
  }

  /** Whether the members of an organization have withdrawn their consent. */
  isRevoked(organizationId: string): boolean {
    const consents = this.#server.consents.of(organizationId, exampleApplication.clientId);
    return consents.every(({ hasEnded }) => hasEnded);
  }

  /** The relay begins a request to Qonto. The function that it returns is called at its end. */
  begin(path: string, init: RequestInit): () => void {
    const token = refreshTokenIn(path, init);
    const { caller } = this.#cloud;
    if (token === null || caller === null) return () => undefined;
    const use = this.#use(token);
    const { callers } = use;
    if ([...callers].some(({ isOver }) => !isOver)) this.#cloud.accuse("Two exchange one refresh token at once");
    callers.add(caller);
    use.uses += 1;
    return () => void callers.delete(caller);
  }

  /** Qonto has answered a request. */
  async answered(path: string, init: RequestInit, response: Response): Promise<void> {
    const token = refreshTokenIn(path, init);
    const organizationId = this.#granted.get(token ?? "");
    if (token === null || organizationId === undefined) return;
    if (response.ok) {
      const { refresh_token } = Object(await response.json());
      return this.granted(typeof refresh_token === "string" ? refresh_token : null, organizationId);
    }
    const isRefused = (await response.text()).includes("invalid_grant");
    if (!isRefused || this.isRevoked(organizationId)) return;
    const { disturbances, uses } = this.#use(token);
    const faults = this.#cloud.disturbances - disturbances;
    if (faults <= SURVIVED && uses <= USES_SURVIVED)
      this.#cloud.accuse(`Qonto takes a refresh token no more, after ${faults} faults`);
    this.#lost.add(organizationId);
  }

  #use(token: string): TokenUse {
    return this.#uses.getOrInsertComputed(token, () => ({
      disturbances: this.#cloud.disturbances,
      callers: new Set(),
      uses: 0,
    }));
  }
}

/** Null in a request for something else. */
function refreshTokenIn(path: string, { body }: RequestInit): string | null {
  const isForm = typeof body === "string" || body instanceof URLSearchParams;
  return path === TOKEN_PATH && isForm ? new URLSearchParams(body).get("refresh_token") : null;
}
