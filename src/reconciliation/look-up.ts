import { z } from "zod";
import { type QontoClient, QontoRefusal } from "../qonto/api-client.ts";
import { type Listing, item, listingOf } from "./listings.ts";

/** What the lookups of one reading go by. */
interface Beginning {
  readonly type: string;
  /** Id of a resource that is listed; null: none is. */
  readonly listedId: string | null;
  /** Of the lookups before. */
  readonly isReliable: boolean | null;
}

type OneShown = NonNullable<Listing["one"]>;

type Answer = "found" | "gone" | "untold";

/**
 * Asks Qonto for resources that its list lacks, by their ids, where it shows them so. Throws QontoUnavailable, and QontoRefusal for
 * a 401.
 */
export class LookUps {
  /** Whether a 404 says that a resource is gone: a listed one was found in the same way. Null: not known yet. */
  isReliable: boolean | null;
  /** So many were made. */
  requests = 0;
  readonly #beginning: Beginning;
  readonly #qonto: Pick<QontoClient, "get">;

  constructor(beginning: Beginning, qonto: Pick<QontoClient, "get">) {
    this.isReliable = beginning.isReliable;
    this.#beginning = beginning;
    this.#qonto = qonto;
  }

  /** False too where Qonto does not say: then the resource may be hidden from this token. */
  async isGone(id: string): Promise<boolean> {
    const { type, listedId } = this.#beginning;
    const shown = listingOf(type)?.one;
    if (shown === undefined || this.isReliable === false) return false;
    if (!(await this.#allAnswer("gone", shown, id))) return false;
    this.isReliable ??= listedId === null || (await this.#allAnswer("found", shown, listedId));
    return this.isReliable;
  }

  /** By every path: one that Qonto no longer offers answers 404 for each id. */
  async #allAnswer(expected: Answer, { paths, key }: OneShown, id: string): Promise<boolean> {
    for (const path of paths) if ((await this.#ask(path, key, id)) !== expected) return false;
    return true;
  }

  async #ask(path: string, key: string, id: string): Promise<Answer> {
    this.requests += 1;
    try {
      await this.#qonto.get(`${path}/${encodeURIComponent(id)}`, z.object({ [key]: item }));
      return "found";
    } catch (error) {
      if (!(error instanceof QontoRefusal) || error.status === 401) throw error;
      // A 404 without a code is not Qonto's own, as of a proxy.
      return error.status === 404 && error.code !== null ? "gone" : "untold";
    }
  }
}
