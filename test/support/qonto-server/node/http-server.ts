import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { ConnectionCut } from "../errors.ts";

export type Fetch = (request: Request) => Response | Promise<Response>;

/** A handler of web requests as an HTTP server on this machine. */
export class HttpServer {
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
  }

  static async start(answer: Fetch, port = 0): Promise<HttpServer> {
    const server = http.createServer((request, response) => void serve(answer, request, response));
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new HttpServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function serve(answer: Fetch, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  const body = hasBody ? { body: new Uint8Array(await buffer(request)) } : {};
  const { method = "GET", url = "/" } = request;
  let answered: Response;
  try {
    answered = await answer(new Request(new URL(url, "http://qonto"), { method, headers, ...body }));
  } catch (error) {
    if (!(error instanceof ConnectionCut)) throw error;
    request.socket.destroy();
    return;
  }
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  response.end(new Uint8Array(await answered.arrayBuffer()));
}
