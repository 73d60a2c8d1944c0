import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SECRET, type ServedWorker } from "../served-worker.ts";
import { type FloodOrder, type FloodReport, floodReport } from "./flood-order.ts";
import { type LoadOrder, type LoadReport, loadReport } from "./order.ts";

/** The sending process, apart from the one that starts and watches the runtime. */
export class LoadGenerator {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL("generator.ts", import.meta.url)), {
    serialization: "advanced",
  });

  async send(
    worker: Pick<ServedWorker, "url">,
    order: Omit<LoadOrder, "url" | "secret" | "rate"> & { readonly rate?: number },
  ): Promise<LoadReport> {
    const whole: LoadOrder = { rate: null, ...order, url: `${worker.url}/webhooks/qonto`, secret: SECRET };
    return loadReport.parse(await this.#ask(whole));
  }

  /** Sends as a stranger without a secret, for so many seconds. */
  async flood({ url }: Pick<ServedWorker, "url">, order: Omit<FloodOrder, "url">): Promise<FloodReport> {
    return floodReport.parse(await this.#ask({ ...order, url }));
  }

  async #ask(order: LoadOrder | FloodOrder): Promise<unknown> {
    const answer = once(this.#process, "message");
    this.#process.send(order);
    return (await answer)[0];
  }

  stop(): void {
    this.#process.kill();
  }
}
