import { z } from "zod";
import { type QontoClient, QontoRefusal } from "../qonto/api-client.ts";
import { item, listingOf } from "./listings.ts";

/** Whether Qonto can be asked for one resource of a type, to learn that it is gone. */
export function canLookUp(type: string): boolean {
  return listingOf(type)?.one !== undefined;
}

/** What the lookups of one reading go by. */
interface Beginning {
  readonly type: string;
  /** Id of a resource that is listed; null: none is. */
  readonly listedId: string | null;
  /** Of the lookups before. */
  readonly isReliable: boolean | null;
}

/** Asks Qonto for resources that its list lacks, by their ids. Throws QontoUnavailable, and QontoRefusal for a 401. */
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
    const { paths = [], key = "" } = listingOf(type)?.one ?? {};
    const [firstPath] = paths;
    if (firstPath === undefined || this.isReliable === false) return false;
    for (const path of paths) if ((await this.#ask(path, key, id)) !== "gone") return false;
    this.isReliable ??= listedId === null || (await this.#ask(firstPath, key, listedId)) === "found";
    return this.isReliable;
  }

  async #ask(path: string, key: string, id: string): Promise<"found" | "gone" | "untold"> {
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
