import ipaddr from "ipaddr.js";
import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";

const MAX_PROVEN = 1_000;

/**
 * Slows down who guesses tokens. An address that has presented too many wrong ones is refused unheard: a guess that happens
 * to be right is refused with the others. Tokens that have been right before, on this isolate, are heard all the same, so
 * that nobody can lock out an operator who works from the same address.
 */
export class Throttle {
  /** Digests of tokens that have been right; they are looked up each time nevertheless. */
  readonly #proven = new Set<string>();

  /** Whether to refuse a token unheard; counts it otherwise, unless it is a proven one. */
  async refuses(digest: string, address: string | undefined, env: Pick<Env, "WRONG_TOKENS">): Promise<boolean> {
    if (this.#proven.has(digest)) return false;
    try {
      // Without the binding nobody is counted; without its answer nobody is locked out.
      return (await env.WRONG_TOKENS?.limit({ key: networkOf(address) }))?.success === false;
    } catch (error) {
      logFailure("throttle", error);
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

/** Who has an IPv6 address has 2^64 of them. */
function networkOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  return parsed.kind() === "ipv4"
    ? parsed.toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}
