import { type QontoOptions, SimulatedQonto, exampleApplication } from "../../support/qonto-server/simulated-qonto.ts";

export const API = "https://thirdparty.qonto.com";
export const OAUTH = "https://oauth.qonto.com";
export const [REDIRECT_URI = ""] = exampleApplication.redirectUris;
export const STATE = "state-of-test";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** A simulated Qonto in the same process, its clock in the test's hand, and an application that asks it. */
export class Client {
  now = Date.parse("2026-03-01T12:00:00Z");
  readonly qonto: SimulatedQonto;
  #ids = 0;

  constructor(options: QontoOptions = {}) {
    this.qonto = new SimulatedQonto({
      now: () => this.now,
      randomId: () => `00000000-0000-4000-8000-${String((this.#ids += 1)).padStart(12, "0")}`,
      ...options,
    });
  }

  /** Calls the API with a token. */
  async call(path: string, token: string, init: Omit<RequestInit, "headers"> = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}` };
    return answerOf(await this.qonto.fetch(API + path, { ...init, headers }));
  }

  /** Posts a form to the token endpoint, as the application. */
  async token(form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { clientId, clientSecret } = exampleApplication;
    const body = new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...form });
    return answerOf(await this.qonto.fetch(`${OAUTH}/oauth2/token`, { method: "POST", headers, body }));
  }

  exchange(code: string, form: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.token({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, ...form });
  }

  refresh(refresh_token: string): Promise<Answer> {
    return this.token({ grant_type: "refresh_token", refresh_token });
  }

  /** The code that a member's consent yields. */
  async code(changes: Readonly<Record<string, string>> = {}, organizationId?: string): Promise<string> {
    const location = await this.qonto.decide(addressOf(changes), "accept", organizationId);
    return new URL(location).searchParams.get("code") ?? "";
  }
}

/** The address to which an application sends the browser. */
export function addressOf(changes: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({
    client_id: exampleApplication.clientId,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: "offline_access organization.read webhook",
    state: STATE,
    ...changes,
  });
  return `${OAUTH}/oauth2/auth?${query.toString()}`;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}
