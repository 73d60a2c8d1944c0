import { env } from "cloudflare:workers";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import type { TestRelay } from "../support/relay.ts";

/** D1 calls that a page may cost, whatever there is. */
export const MOST_CALLS = 6;

interface Cookie {
  readonly value: string;
  readonly path: string;
  readonly isStrict: boolean;
}

/**
 * A browser at the console, as far as the Worker can tell: a cookie jar that heeds paths and SameSite, and forms that are found
 * on pages.
 */
export class Visitor {
  readonly #relay: TestRelay;
  readonly #cookies = new Map<string, Cookie>();

  constructor(relay: TestRelay) {
    this.#relay = relay;
  }

  /** Logs in, with the admin token unless told otherwise. */
  static async loggedIn(relay: TestRelay, token = ADMIN_TOKEN): Promise<Visitor> {
    const visitor = new Visitor(relay);
    const response = await visitor.post("/console/login", { token });
    if (response.status !== 303) throw new Error(`Not let in: ${response.status}`);
    return visitor;
  }

  /** What it sends to each page; null: nothing. */
  get cookie(): string | null {
    return this.cookiesFor("/console");
  }

  /** As another browser has it, or nobody. */
  set cookie(text: string | null) {
    this.#cookies.clear();
    if (text === null) return;
    const [name = "", ...value] = text.split("=");
    this.#cookies.set(name, { value: value.join("="), path: "/console", isStrict: true });
  }

  /** What it sends to that path; null: nothing. A link of another site withholds strict cookies. */
  cookiesFor(path: string, { isFromElsewhere = false } = {}): string | null {
    const sent = [...this.#cookies].filter(
      ([, cookie]) => path.startsWith(cookie.path) && !(isFromElsewhere && cookie.isStrict),
    );
    return sent.length === 0 ? null : sent.map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers });
  }

  /** Another site leads it there. */
  getFromElsewhere(path: string): Promise<Response> {
    const cookie = this.cookiesFor(path, { isFromElsewhere: true });
    return this.#send(path, { headers: { "sec-fetch-site": "cross-site" } }, cookie);
  }

  post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, {
      method: "POST",
      headers: { "sec-fetch-site": "same-origin", ...headers },
      body: new URLSearchParams(fields),
    });
  }

  /** The same with a field that a form has several times. */
  postAll(path: string, fields: Record<string, string>, name: string, values: readonly string[]): Promise<Response> {
    const body = new URLSearchParams([...Object.entries(fields), ...values.map((value) => [name, value])]);
    return this.#send(path, { method: "POST", headers: { "sec-fetch-site": "same-origin" }, body });
  }

  /** Sends a form as a page of the console offers it: with the token that is in its forms. */
  async press(path: string, fields: Record<string, string> = {}, page = "/console"): Promise<Response> {
    const html = await (await this.get(page)).text();
    const token = /name="form_token" value="([^"]+)"/.exec(html)?.[1];
    if (token === undefined) throw new Error(`No form on ${page}`);
    return this.post(path, { form_token: token, ...fields });
  }

  async #send(path: string, init: RequestInit, cookie = this.cookiesFor(path)): Promise<Response> {
    const headers = { ...Object(init.headers), ...(cookie === null ? {} : { cookie }) };
    const response = await this.#relay.fetch(path, { ...init, headers, redirect: "manual" });
    for (const set of response.headers.getSetCookie()) this.#keep(set);
    return response;
  }

  #keep(set: string): void {
    const [pair = "", ...attributes] = set.split("; ");
    const [name = "", ...value] = pair.split("=");
    if (attributes.includes("Max-Age=0")) {
      this.#cookies.delete(name);
      return;
    }
    const path = attributes.find((one) => one.startsWith("Path="))?.slice("Path=".length) ?? "/";
    this.#cookies.set(name, { value: value.join("="), path, isStrict: attributes.includes("SameSite=Strict") });
  }
}

/** How often a page asks D1 when somebody looks at it whose token has to be looked up as well. */
export async function callsOf(relay: TestRelay, path: string): Promise<number> {
  const { body } = await relay.api("POST", "/api/tokens", { name: `reader-${crypto.randomUUID()}`, access: "read" });
  const visitor = await Visitor.loggedIn(relay, body.token);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
  const response = await visitor.get(path);
  if (response.status !== 200) throw new Error(`${path} answers ${response.status}`);
  return meter.calls;
}
