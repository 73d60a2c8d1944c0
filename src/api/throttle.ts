import ipaddr from "ipaddr.js";
import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";

const MAX_PROVEN = 1_000;

/**
 * Slows down guessing of tokens. After too many wrong tokens every token from an address is refused unchecked, right or wrong.
 * Tokens that were right before, on this isolate, are still checked: a guesser cannot lock out an operator at the same address.
 */
export class Throttle {
  /** Digests of tokens that were right before. Each is looked up every time all the same. */
  readonly #proven = new Set<string>();

  /** Whether to refuse a token unchecked. Counts it otherwise, unless it is a proven one. */
  async refuses(digest: string, address: string | undefined, env: Pick<Env, "WRONG_TOKENS">): Promise<boolean> {
    if (this.#proven.has(digest)) return false;
    try {
      // Without the binding nothing is counted; without its answer nobody is locked out.
      return (await env.WRONG_TOKENS?.limit({ key: networkOf(address) }))?.success === false;
    } catch (error) {
      logFailure("api", error, { message: "token_throttle.failed" });
      return false;
    }
  }

  note(digest: string, isRight: boolean): void {
    if (!isRight) this.#proven.delete(digest);
    else {
      if (this.#proven.size >= MAX_PROVEN) this.#proven.clear();
      this.#proven.add(digest);
    }
  }
}

/** The owner of an IPv6 address usually has 2^64 of them. */
function networkOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  return parsed.kind() === "ipv4"
    ? parsed.toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}
