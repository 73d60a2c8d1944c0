import type { QontoFaults } from "../support/qonto-server/faults.ts";
import type { Chance } from "./chance.ts";

const paths = [
  "*",
  "/oauth2/token",
  "/v2/webhook_subscriptions",
  "/v2/organization",
  "/v2/transactions",
  "/v2/clients",
] as const;

/**
 * status: every request is refused. hangs: none is answered. unauthorized: access tokens are refused. broken: some answers of a
 * path cannot be read. miscounts: the count of a list is wrong. omits: lists lack an item that they count. empty: a list of
 * subscriptions is empty by mistake.
 */
const kinds = ["status", "hangs", "unauthorized", "broken", "broken", "miscounts", "omits", "omits", "empty"] as const;

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

/** What is wrong with a simulated Qonto. */
export class QontoTroubles {
  hangs = false;
  readonly #faults: QontoFaults;
  /** Is told when something becomes wrong (by 1), and when it has become good again (by -1). */
  readonly #onChange: (by: 1 | -1) => void;
  #emptyLists = 0;
  #omits = 0;

  constructor(faults: QontoFaults, onChange: (by: 1 | -1) => void) {
    this.#faults = faults;
    this.#onChange = onChange;
  }

  /** The function that it returns ends it. */
  begin(trouble: Trouble): () => void {
    this.#set(trouble);
    this.#onChange(1);
    return () => {
      this.hangs = false;
      this.#emptyLists = 0;
      this.#omits = 0;
      delete this.#faults.status;
      this.#faults.paths.clear();
      this.#onChange(-1);
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
    }
  }

  /** What Qonto answers to a request of which it does `work`. */
  async answer({ method, url }: Request, work: () => Promise<Response>): Promise<Response> {
    const key = /^\/v2\/(?:sepa\/)?(\w+)$/.exec(new URL(url).pathname)?.[1] ?? "";
    if (method === "GET" && key === "webhook_subscriptions" && this.#emptyLists > 0) {
      this.#emptyLists -= 1;
      return Response.json({ subscriptions: [], meta: { current_page: 1, next_page: null, total_count: 0 } });
    }
    const response = await work();
    const isOmitting = this.#omits > 0 && method === "GET" && response.ok && lists.has(key);
    return isOmitting ? this.#omitOne(response, key) : response;
  }

  async #omitOne(response: Response, key: string): Promise<Response> {
    this.#omits -= 1;
    const { [key]: items, ...others } = Object(await response.json());
    return Response.json({ ...others, [key]: items.slice(1) }, { headers: response.headers });
  }
}

/** Lists that are under their path's last part in an answer. */
const lists: ReadonlySet<string> = new Set(["transactions", "clients", "client_invoices", "memberships"]);
