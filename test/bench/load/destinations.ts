import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Arrival, DestinationOrder } from "./destination-order.ts";

const arrivals = z.object({
  arrivals: z.array(z.object({ path: z.string(), id: z.string(), at: z.number() })),
});

/** The destinations that events are delivered to, in a process of their own. */
export class Destinations {
  readonly #process: ChildProcess;
  readonly url: string;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(): Promise<Destinations> {
    const file = fileURLToPath(new URL("destination-process.ts", import.meta.url));
    const process = fork(file, { serialization: "advanced" });
    const [ready] = await once(process, "message");
    return new Destinations(process, z.object({ url: z.string() }).parse(ready).url);
  }

  /** Waits until so many requests have arrived, or the time is up. Returns and forgets them. */
  async take(count: number, withinMs: number): Promise<Arrival[]> {
    for (const endAt = Date.now() + withinMs; Date.now() < endAt; await wait(100)) {
      if (z.object({ count: z.number() }).parse(await this.#ask("count")).count >= count) break;
    }
    return arrivals.parse(await this.#ask("take")).arrivals;
  }

  async #ask(order: DestinationOrder): Promise<unknown> {
    const answer = once(this.#process, "message");
    this.#process.send(order);
    return (await answer)[0];
  }

  stop(): void {
    this.#process.kill();
  }
}
