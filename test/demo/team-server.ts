import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface TeamRequest {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** What the team answered; 0 when it did not. */
  readonly status: number;
}

/** A downstream team: an HTTP server on this machine that answers as it is told and remembers what it got. */
export class TeamServer {
  readonly requests: TeamRequest[] = [];
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
  }

  /** `answer` gets the number of requests that came before; 0 leaves the caller waiting. */
  static async start(answer: (before: number) => number = () => 200): Promise<TeamServer> {
    const server = http.createServer();
    const team = new TeamServer(server);
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const status = answer(team.requests.length);
        team.requests.push({ headers: request.headers, body: Buffer.concat(chunks), status });
        if (status !== 0) response.writeHead(status).end(status < 300 ? "thanks" : "not now");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return team;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** Requests that the team answered with success, by event id. */
  accepted(): Map<string, TeamRequest[]> {
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
