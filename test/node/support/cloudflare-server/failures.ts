import { ConnectionCut } from "../../../support/qonto-server/errors.ts";
import { failure } from "./context.ts";

/** A call that the server received. */
export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  readonly token: string | null;
  /** Null without an answer. */
  status: number | null;
}

export type Failure =
  /** 503, and nothing was done. */
  | "refused_before"
  /** It was done, and answered with 503. */
  | "refused_after"
  /** It was done, and the connection was cut. */
  | "lost_after"
  /** Nothing was done, and the connection was cut. */
  | "reset"
  /** No answer, until the caller stops waiting or the server stops. */
  | "hang"
  | "rate_limited"
  /** To another host. */
  | "redirected"
  /** A page of HTML, from a proxy. */
  | "garbage";

/** The n-th call from now on, counted from one, or calls that look like this. */
export type When = number | { readonly method?: string; readonly path: RegExp; readonly times?: number };

interface Planned {
  readonly failure: Failure;
  readonly applies: (call: Call) => boolean;
  readonly onApplied: (call: Call) => void;
}

/** The failures that a test plans. */
export class Failures {
  readonly #planned: Planned[] = [];
  readonly #ending = new AbortController();
  /** Calls that get no answer, and whose callers still wait. */
  hanging = 0;

  /** `applied` resolves with the first call that fails so. */
  plan(when: When, failure: Failure): { readonly applied: Promise<Call> } {
    const { promise: applied, resolve: onApplied } = Promise.withResolvers<Call>();
    this.#planned.push({ failure, applies: matcher(when), onApplied });
    return { applied };
  }

  /** Ends all failures. */
  heal(): void {
    this.#planned.length = 0;
  }

  stop(): void {
    this.#ending.abort(new ConnectionCut());
  }

  /** Answers a call, or fails it as planned. */
  async answer(call: Call, signal: AbortSignal, answer: () => Promise<Response>): Promise<Response> {
    // Every plan counts every call, also a call that another plan fails.
    const [planned] = this.#planned.filter(({ applies }) => applies(call));
    planned?.onApplied(call);
    switch (planned?.failure) {
      case undefined:
        return answer();
      case "refused_before":
        return failure(503, 10_013, "An unknown error has occurred.");
      case "refused_after":
        await answer();
        return failure(503, 10_013, "An unknown error has occurred.");
      case "lost_after":
        await answer();
        throw new ConnectionCut();
      case "reset":
        throw new ConnectionCut();
      case "hang":
        this.hanging += 1;
        return rejectedBy(AbortSignal.any([signal, this.#ending.signal])).finally(() => (this.hanging -= 1));
      case "rate_limited":
        return failure(429, 971, "Please wait and consider throttling your request speed", { "retry-after": "1" });
      case "redirected":
        return new Response(null, { status: 307, headers: { location: "https://elsewhere.example" } });
      case "garbage":
        return new Response("<html><title>502 Bad Gateway</title></html>", {
          status: 502,
          statusText: "Bad Gateway",
          headers: { "content-type": "text/html" },
        });
    }
  }
}

function matcher(when: When): (call: Call) => boolean {
  let count = 0;
  if (typeof when === "number") return () => (count += 1) === when;
  const { method, path, times = 1 } = when;
  return (call) => (method ?? call.method) === call.method && path.test(call.path) && (count += 1) <= times;
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
