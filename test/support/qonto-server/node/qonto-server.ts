import { type QontoOptions, SimulatedQonto } from "../simulated-qonto.ts";
import { HttpServer } from "./http-server.ts";

export type { QontoOptions } from "../simulated-qonto.ts";

/** A simulated Qonto that listens on this machine. */
export class QontoServer extends SimulatedQonto {
  #http: HttpServer | undefined;

  static async start({ port, ...options }: QontoOptions & { readonly port?: number } = {}): Promise<QontoServer> {
    const server = new QontoServer(options);
    server.#http = await HttpServer.start((request) => server.answer(request), port);
    return server;
  }

  get url(): string {
    return this.#http?.url ?? "";
  }

  async stop(): Promise<void> {
    this.sender.stop();
    await this.#http?.stop();
  }
}
