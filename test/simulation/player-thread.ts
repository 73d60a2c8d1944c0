import { once } from "node:events";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Order, Report } from "./player.ts";

/** Plays histories of one build of the relay in a thread of its own. */
export class PlayerThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** `code`: what `buildRelay` has built. */
  static async start(code: string): Promise<PlayerThread> {
    const worker = new Worker(path.join(import.meta.dirname, "player.ts"), { workerData: code });
    await once(worker, "message");
    return new PlayerThread(worker);
  }

  async play(order: Order): Promise<Report> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(order);
    const [report] = (await once(this.#worker, "message")) as [Report];
    return report;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
