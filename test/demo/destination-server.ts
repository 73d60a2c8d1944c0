import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

/** An answer with headers, a body or a delay. */
export interface Reply {
  /** 0 leaves the caller waiting. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly delayMs?: number;
}

export interface DestinationRequest {
  /** Unix milliseconds. */
  readonly at: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The answer's status; 0 without an answer. */
  readonly status: number;
}

/** An HTTP server on this machine that stands behind a destination, and keeps the requests that it received. */
export class DestinationServer {
  readonly requests: DestinationRequest[] = [];
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
  }

  /** `answer` gets the number of requests that came before; 0 leaves the caller waiting. */
  static async start(answer: (before: number) => number | Reply = () => 200): Promise<DestinationServer> {
    const server = http.createServer();
    const destination = new DestinationServer(server);
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const answered = answer(destination.requests.length);
        const reply = typeof answered === "number" ? { status: answered } : answered;
        const { headers } = request;
        destination.requests.push({ at: Date.now(), headers, body: Buffer.concat(chunks), status: reply.status });
        if (reply.delayMs === undefined) send(response, reply);
        else setTimeout(() => send(response, reply), reply.delayMs).unref();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return destination;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** Requests that the destination answered with success, by event id. */
  accepted(): Map<string, DestinationRequest[]> {
    return Map.groupBy(
      this.requests.filter(({ status }) => status >= 200 && status < 300),
      ({ headers }) => String(headers["webhook-id"]),
    );
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function send(response: http.ServerResponse, { status, headers = {}, body }: Reply): void {
  if (status !== 0) response.writeHead(status, headers).end(body ?? (status < 300 ? "thanks" : "not now"));
}
