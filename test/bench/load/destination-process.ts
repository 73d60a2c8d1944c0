import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Arrival, DestinationOrder } from "./destination-order.ts";

/**
 * A process of destinations, one for each path. They answer at once and note each arrival. /hanging never answers,
 * /after/200 answers after 200 ms.
 */
const HANGING = "/hanging";

/** 0 for a path without a delay. */
const delayMs = (path: string) => Number(/^\/after\/(\d+)$/.exec(path)?.[1] ?? 0);

let arrivals: Arrival[] = [];

const server = http.createServer((request, response) => {
  const path = request.url ?? "";
  arrivals.push({ path, id: String(request.headers["webhook-id"]), at: performance.timeOrigin + performance.now() });
  request.resume();
  if (path === HANGING) return;
  const delay = delayMs(path);
  request.once("end", () => (delay === 0 ? response.end() : setTimeout(() => response.end(), delay)));
});
server.keepAliveTimeout = 60_000;

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});

process.on("message", (order: DestinationOrder) => {
  if (order === "count") process.send?.({ count: arrivals.filter(({ path }) => path !== HANGING).length });
  if (order !== "take") return;
  process.send?.({ arrivals });
  arrivals = [];
});
process.on("disconnect", () => process.exit());
