import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
  /** Lets the sender wait for ever. */
  readonly hangs?: boolean;
}

/** An address on this machine where nothing may listen but what the system trusts. */
export const NOBODY = "http://127.0.0.1:2";

/** A server on this machine that answers as a test says, and remembers what it was asked. */
export class ScriptedServer {
  readonly received: Received[] = [];
  readonly #server: http.Server;
  answer: (received: Received) => Answer;

  constructor(answer: (received: Received) => Answer = () => ({})) {
    this.answer = answer;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
  }

  async start(port = 0): Promise<this> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://server");
    const received = {
      method: request.method ?? "",
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: await text(request),
    };
    this.received.push(received);
    const { status = 200, headers = {}, body, hangs = false } = this.answer(received);
    if (hangs) return;
    const isJson = typeof body !== "string";
    response.writeHead(status, { ...(isJson ? { "content-type": "application/json" } : {}), ...headers });
    response.end(body === undefined ? "" : isJson ? JSON.stringify(body) : body);
  }
}
