import type { ListedType } from "../support/qonto-server/bank.ts";
import { flatError } from "../support/qonto-server/errors.ts";
import type { QontoFaults } from "../support/qonto-server/faults.ts";
import { deletableTypes } from "./bank-checks.ts";
import type { Chance } from "./chance.ts";

const paths = [
  "*",
  "/oauth2/token",
  "/v2/webhook_subscriptions",
  "/v2/organization",
  "/v2/transactions",
  "/v2/clients",
  "/v2/sepa/beneficiaries",
] as const;

/**
 * status: every request is refused. hangs: none is answered. slow: each is answered late. unauthorized: access tokens are refused. broken: some answers of a
 * path cannot be read. miscounts: the count of a list is wrong. omits: lists lack an item that they count. empty: a list of
 * subscriptions is empty by mistake. absent: something before Qonto finds no resource by its id. moved: Qonto itself does not, at
 * the path that is asked.
 */
const kinds = [
  "status",
  "hangs",
  "slow",
  "unauthorized",
  "broken",
  "broken",
  "miscounts",
  "omits",
  "omits",
  "empty",
  "absent",
  "moved",
] as const;

/** The relay waits for a bit longer. */
const SLOWEST_MS = 9_000;

/** Something that is wrong with Qonto. */
export interface Trouble {
  readonly kind: (typeof kinds)[number];
  readonly path: (typeof paths)[number];
  readonly times: number;
  readonly status: number;
  readonly answer: "cut" | "lost" | "html" | "text" | "cut json";
  readonly lastsMs: number;
}

export function drawTrouble(chance: Chance, bankMs: number): Trouble {
  return {
    kind: chance.pick(kinds),
    path: chance.pick(paths),
    times: chance.pick([1, 2, 4, 40]),
    status: chance.pick([500, 503, 429]),
    answer: chance.pick(["cut", "lost", "lost", "html", "text", "cut json"]),
    lastsMs: chance.whole(1_000, chance.happens(0.3) ? bankMs : 120_000),
  };
}

/** Whether answers do not tell what is gone. */
export function isBlinding({ kind }: Trouble): boolean {
  return kind === "absent" || kind === "moved";
}

export interface TroubleEnds {
  readonly faults: QontoFaults;
  /** Is told when something becomes wrong (by 1), and when it has become good again (by -1). */
  readonly onChange: (by: 1 | -1) => void;
  /** Is told when answers do not tell any more what is gone, and when they do again. */
  readonly onBlindness: (isBlind: boolean) => void;
  /** Whether a list shows anything in each bank. */
  readonly listsSome: (type: ListedType) => boolean;
}

/** What is wrong with a simulated Qonto. */
export class QontoTroubles {
  hangs = false;
  /** How long each answer takes. */
  slowMs = 0;
  readonly #ends: TroubleEnds;
  readonly #faults: QontoFaults;
  #emptyLists = 0;
  #omits = 0;
  #findsNone: "absent" | "moved" | null = null;

  constructor(ends: TroubleEnds) {
    this.#ends = ends;
    this.#faults = ends.faults;
  }

  /** The function that it returns ends it. */
  begin(trouble: Trouble): () => void {
    this.#set(trouble);
    this.#ends.onChange(1);
    return () => {
      this.hangs = false;
      this.slowMs = 0;
      this.#emptyLists = 0;
      this.#omits = 0;
      delete this.#faults.status;
      this.#faults.paths.clear();
      this.#setBlind(null);
      this.#ends.onChange(-1);
    };
  }

  #set({ kind, path, times, status, answer }: Trouble): void {
    switch (kind) {
      case "status":
        this.#faults.status = status;
        break;
      case "hangs":
        this.hangs = true;
        break;
      case "slow":
        this.slowMs = Math.min(times * 1_000, SLOWEST_MS);
        break;
      case "unauthorized":
        this.#faults.paths.set(path, { times, status: 401 });
        break;
      case "broken":
        this.#faults.paths.set(path, { times, answer });
        break;
      case "miscounts":
        this.#faults.paths.set(path, { times, totalCountBy: times % 2 === 0 ? 1 : -1 });
        break;
      case "omits":
        this.#omits = times;
        break;
      case "empty":
        this.#emptyLists = 1;
        break;
      case "absent":
      case "moved":
        this.#setBlind(kind);
    }
  }

  #setBlind(findsNone: "absent" | "moved" | null): void {
    if (this.#findsNone === findsNone) return;
    this.#findsNone = findsNone;
    this.#ends.onBlindness(findsNone !== null);
  }

  /** What Qonto answers to a request of which it does `work`. */
  async answer({ method, url }: Request, work: () => Promise<Response>): Promise<Response> {
    const { pathname } = new URL(url);
    const notFound = this.#findNone(pathname);
    if (notFound !== null) return notFound;
    const key = /^\/v2\/(?:sepa\/)?(\w+)$/.exec(pathname)?.[1] ?? "";
    if (method === "GET" && key === "webhook_subscriptions" && this.#emptyLists > 0) {
      this.#emptyLists -= 1;
      return Response.json({ subscriptions: [], meta: { current_page: 1, next_page: null, total_count: 0 } });
    }
    const response = await work();
    const isOmitting = this.#omits > 0 && method === "GET" && response.ok && lists.has(key);
    return isOmitting ? this.#omitOne(response, key) : response;
  }

  /** Where Qonto lists nothing, its own 404 is all that there is to go by. */
  #findNone(pathname: string): Response | null {
    const type = deletableTypes.find((one) => one === `v1/${ONE.exec(pathname)?.[1]}`);
    if (type === undefined || this.#findsNone === null) return null;
    if (this.#findsNone === "absent") return new Response("404 page not found", { status: 404 });
    return this.#ends.listsSome(type) ? flatError(404, "not_found", "There is nothing at this address") : null;
  }

  async #omitOne(response: Response, key: string): Promise<Response> {
    this.#omits -= 1;
    const { [key]: items, ...others } = Object(await response.json());
    return Response.json({ ...others, [key]: items.slice(1) }, { headers: response.headers });
  }
}

/** Lists that are under their path's last part in an answer. */
const lists: ReadonlySet<string> = new Set([
  "transactions",
  "clients",
  "beneficiaries",
  "products",
  "client_invoices",
  "memberships",
]);

/** The path of one resource that can be deleted. */
const ONE = /^\/v2\/(?:sepa\/)?(\w+)\/[^/]+$/;
