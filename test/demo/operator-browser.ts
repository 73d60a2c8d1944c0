/** A page as a browser shows it. */
export interface Page {
  readonly url: string;
  readonly html: string;
}

interface Cookie {
  /** A port is no part of it. */
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
  readonly sameSite: "Strict" | "Lax" | "None";
}

interface Navigation {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly fields?: URLSearchParams;
}

const MOST_STEPS = 10;

/**
 * An operator's browser without a screen: it keeps cookies and heeds their path and SameSite, goes where redirects and `Refresh`
 * lead, and sends the forms that it finds on a page.
 */
export class OperatorBrowser {
  #cookies: readonly Cookie[] = [];

  /** Goes to an address as if it were typed. */
  open(url: string): Promise<Page> {
    return this.#go({ url: new URL(url), method: "GET" }, null);
  }

  /** Sends the form with that button, filled in. */
  press(page: Page, button: string, filledIn: Readonly<Record<string, string>> = {}): Promise<Page> {
    const form = findForm(page.html, button);
    if (form === null) throw new Error(`There is no button "${button}" on ${page.url}:\n${page.html}`);
    const from = new URL(page.url);
    const fields = new URLSearchParams({ ...form.fields, ...filledIn });
    return this.#go({ url: new URL(form.action, from), method: "POST", fields }, from);
  }

  /** `from`: the page that leads there; null: none does. */
  async #go(first: Navigation, from: URL | null): Promise<Page> {
    let navigation = first;
    let passed = from === null ? [] : [from];
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const { url } = navigation;
      const response = await this.#request(navigation, passed);
      const html = await response.text();
      const location = response.headers.get("location");
      const next = location ?? refreshOf(response);
      if (next === null) return { url: url.href, html };
      // A redirect belongs to the way that led there. A page that leads on by itself begins another.
      passed = location === null ? [url] : [...passed, url];
      navigation = { url: new URL(next, url), method: "GET" };
    }
    throw new Error(`${first.url.href} leads on and on`);
  }

  /** `passed`: the page that leads there, and the redirects after it. */
  async #request({ url, method, fields }: Navigation, passed: readonly URL[]): Promise<Response> {
    const isFromElsewhere = passed.some((one) => siteOf(one) !== siteOf(url));
    const sent = this.#cookies.filter(
      ({ host, path, sameSite }) =>
        host === url.hostname &&
        isUnder(url.pathname, path) &&
        (!isFromElsewhere || isSentFromElsewhere(sameSite, method)),
    );
    const headers = new Headers({ "sec-fetch-site": fetchSiteOf(url, passed), "sec-fetch-mode": "navigate" });
    if (sent.length > 0) headers.set("cookie", sent.map(({ name, value }) => `${name}=${value}`).join("; "));
    const response = await fetch(url, { method, headers, redirect: "manual", ...(fields && { body: fields }) });
    for (const set of response.headers.getSetCookie()) this.#keep(set, url);
    return response;
  }

  #keep(set: string, { hostname }: URL): void {
    const [pair = "", ...attributes] = set.split(/; */);
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    const attribute = (sought: string) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${sought}=`))?.slice(sought.length + 1);
    const sameSite = attribute("samesite");
    const cookie: Cookie = {
      host: hostname,
      path: attribute("path") ?? "/",
      name,
      value,
      sameSite: sameSite === "Strict" || sameSite === "None" ? sameSite : "Lax",
    };
    const others = this.#cookies.filter((one) => !isSameCookie(one, cookie));
    this.#cookies = attribute("max-age") === "0" ? others : [...others, cookie];
  }
}

function refreshOf({ headers }: Response): string | null {
  return /^0; url=(.+)$/.exec(headers.get("refresh") ?? "")?.[1] ?? null;
}

function siteOf({ protocol, hostname }: URL): string {
  return `${protocol}//${hostname}`;
}

function fetchSiteOf(url: URL, passed: readonly URL[]): string {
  if (passed.length === 0) return "none";
  if (passed.every(({ origin }) => origin === url.origin)) return "same-origin";
  return passed.every((one) => siteOf(one) === siteOf(url)) ? "same-site" : "cross-site";
}

function isUnder(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}

function isSentFromElsewhere(sameSite: Cookie["sameSite"], method: Navigation["method"]): boolean {
  return sameSite === "None" || (sameSite === "Lax" && method === "GET");
}

function isSameCookie(one: Cookie, other: Cookie): boolean {
  return one.host === other.host && one.path === other.path && one.name === other.name;
}

interface FoundForm {
  readonly action: string;
  /** As they are before anything is filled in, with the button's own. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Null when no form has that button. */
function findForm(html: string, button: string): FoundForm | null {
  for (const [form, attributes = ""] of html.matchAll(/<form\b([^>]*)>.*?<\/form>/gs)) {
    const pressed = [...form.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gs)].find(
      ([, , label = ""]) => textOf(label) === button,
    );
    const action = attributeOf(attributes, "action");
    if (pressed === undefined || action === null) continue;
    const inputs = [...form.matchAll(/<input\b([^>]*)>/g)].map(([, input = ""]) => input);
    const named = [...inputs, pressed[1] ?? ""].flatMap((control) => {
      const name = attributeOf(control, "name");
      return name === null ? [] : [[name, attributeOf(control, "value") ?? ""]];
    });
    return { action, fields: Object.fromEntries(named) };
  }
  return null;
}

function attributeOf(attributes: string, name: string): string | null {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  return value === undefined ? null : unescape(value);
}

/** What a person reads of a page. */
export function textOf(html: string): string {
  return unescape(html.replaceAll(/<[^>]+>/g, " "))
    .replaceAll(/\s+/g, " ")
    .trim();
}

const entities: Readonly<Record<string, string>> = { amp: "&", quot: '"', "#39": "'", lt: "<", gt: ">" };

function unescape(text: string): string {
  return text.replaceAll(/&(#?\w+);/g, (entity, name: string) => entities[name] ?? entity);
}
