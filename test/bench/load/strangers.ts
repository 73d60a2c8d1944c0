import { randomBytes } from "node:crypto";
import http from "node:http";
import { type Socket, connect } from "node:net";
import type { FloodKind } from "./flood-order.ts";

export interface Target {
  readonly url: URL;
  readonly agent: http.Agent;
  /** Open connections that are not the agent's. */
  readonly sockets: Set<Socket>;
}

/** Sends one request. Returns its status or outcome; null if the connection was lost. */
type Stranger = (target: Target) => Promise<string | null>;

const WEBHOOKS = "/webhooks/qonto";
const DRIP_EVERY_MS = 500;
const HANG_UP_AFTER_BYTES = 100_000;

/** test/bench/worker/metered.ts counts the D1 calls of these separately. */
const marked = { "x-bench-stranger": "1" };

/** Constant parts of requests are made beforehand, to keep the stranger fast. */
export const strangers: Record<FloodKind, () => Stranger> = {
  "1 MB, header with 1,500 v1": () => asking(webhook(1_000_000, 1_500)),
  "1 MB, header with 8 v1": () => asking(webhook(1_000_000, 8)),
  "1 MB, one wrong v1": () => asking(webhook(1_000_000, 1)),
  "GET /health": () => asking(get("/health")),
  "GET /openapi.json": () => asking(get("/openapi.json")),
  "random bearer tokens": () => asking(() => withToken(randomBytes(32).toString("hex"))),
  "made-up qrt_ tokens": () => asking(() => withToken(`qrt_${randomBytes(32).toString("base64url")}`)),
  "unknown paths": () => asking(() => get(`/${randomBytes(6).toString("hex")}`)()),
  "2 MB, declared": () => asking(webhook(2_000_000, 1)),
  "2 MB, streamed": () => asking(webhook(2_000_000, 1, { "transfer-encoding": "chunked" })),
  "hang up after 100 KB of 1 MB": () => hangUp,
  "a byte each half second": () => drip,
};

interface StrangerRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

function get(path: string, headers: Readonly<Record<string, string>> = {}): () => StrangerRequest {
  return () => ({ method: "GET", path, headers });
}

/** Each from a different address: the limit counts by address. */
function withToken(token: string): StrangerRequest {
  const address = `198.${18 + ((randomBytes(1)[0] ?? 0) % 2)}.${[...randomBytes(2)].join(".")}`;
  return get("/api/events", { authorization: `Bearer ${token}`, "cf-connecting-ip": address })();
}

function webhook(
  bodyBytes: number,
  digests: number,
  length: Readonly<Record<string, string>> = { "content-length": String(bodyBytes) },
): () => StrangerRequest {
  const headers = { ...headersOfWebhook(digests), ...length };
  const body = Buffer.alloc(bodyBytes, "x");
  return () => ({ method: "POST", path: WEBHOOKS, headers, body });
}

function headersOfWebhook(digests: number): Record<string, string> {
  const wrong = Array.from({ length: digests }, () => `v1=${randomBytes(32).toString("hex")}`);
  const signature = `t=${Math.floor(Date.now() / 1000)},${wrong.join(",")}`;
  return { "content-type": "application/json", "x-qonto-signature": signature };
}

function asking(make: () => StrangerRequest): Stranger {
  return ({ url, agent }) => {
    const { method, path, headers, body } = make();
    return new Promise((resolve) => {
      const options = { method, agent, headers: { ...headers, ...marked } };
      const request = http.request(new URL(path, url), options, (response) => {
        response.on("error", () => resolve(null));
        response.resume().once("end", () => {
          resolve(String(response.statusCode));
          // After a refusal nothing more is sent.
          if (!request.writableFinished) request.destroy();
        });
      });
      request.on("error", () => resolve(null));
      request.end(body);
    });
  };
}

const hangUp: Stranger = (target) =>
  onSocket(target, (socket, resolve) => {
    socket.write(Buffer.alloc(HANG_UP_AFTER_BYTES, "x"), () => resolve("hung up"));
  });

/** Sends only the beginning of its body. */
const drip: Stranger = (target) =>
  onSocket(target, (socket) => {
    const dripping = setInterval(() => socket.write("x"), DRIP_EVERY_MS);
    socket.once("close", () => clearInterval(dripping));
  });

/** Sends the head of a webhook of 1 MB and part of its body. Hangs up after the answer, or after a time. */
function onSocket(
  { url, sockets }: Target,
  send: (socket: Socket, resolve: (outcome: string) => void) => void,
): ReturnType<Stranger> {
  return new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname);
    sockets.add(socket);
    const end = (outcome: string | null) => {
      resolve(outcome);
      socket.destroy();
    };
    socket.once("connect", () => {
      const headers = { host: url.host, "content-length": "1000000", ...headersOfWebhook(1), ...marked };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`POST ${WEBHOOKS} HTTP/1.1\r\n${lines.join("")}\r\n`);
      send(socket, end);
    });
    socket.once("data", (answer) => end(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString("latin1"))?.[1] ?? null));
    socket.on("error", () => end(null));
    socket.once("close", () => {
      sockets.delete(socket);
      end(null);
    });
  });
}
