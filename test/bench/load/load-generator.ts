import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SECRET, type ServedWorker } from "../served-worker.ts";
import { type LoadOrder, type LoadReport, loadReport } from "./order.ts";

/** The process that sends: beside the runtime, not inside what starts and watches it. */
export class LoadGenerator {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL("generator.ts", import.meta.url)), {
    serialization: "advanced",
  });

  async send(
    worker: Pick<ServedWorker, "url">,
    order: Omit<LoadOrder, "url" | "secret" | "rate"> & { readonly rate?: number },
  ): Promise<LoadReport> {
    const whole: LoadOrder = { rate: null, ...order, url: `${worker.url}/webhooks/qonto`, secret: SECRET };
    const answer = once(this.#process, "message");
    this.#process.send(whole);
    const [report] = await answer;
    return loadReport.parse(report);
  }

  stop(): void {
    this.#process.kill();
  }
}
