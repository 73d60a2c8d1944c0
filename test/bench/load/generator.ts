import http from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { flood } from "./flood.ts";
import { floodOrder } from "./flood-order.ts";
import { type SignedEvent, signEvents } from "./signed-events.ts";
import { type LoadOrder, type LoadReport, loadOrder } from "./order.ts";

const anyOrder = z.union([floodOrder, loadOrder]);

/** A process that sends what it is ordered to, and reports. It signs before the measurement begins. */
process.on("message", (message) => {
  const order = anyOrder.parse(message);
  void ("flood" in order ? flood(order) : generate(order)).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit());

async function generate(order: LoadOrder): Promise<LoadReport> {
  const events = await signEvents(order);
  const answers: LoadReport["answers"] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: order.connections });
  const startedAt = now();
  const sendNext = async (index: number, event: SignedEvent) => {
    const sentAt = order.rate === null ? now() : startedAt + (index * 1000) / order.rate;
    if (sentAt > now()) await wait(sentAt - now());
    const status = await post(order.url, event, agent);
    answers[index] = { id: event.id, status, sentAt, durationMs: now() - sentAt };
  };

  if (order.rate === null) {
    const left = events.entries();
    const connection = async () => {
      for (const [index, event] of left) await sendNext(index, event);
    };
    await Promise.all(Array.from({ length: order.connections }, connection));
  } else {
    await Promise.all(events.map((event, index) => sendNext(index, event)));
  }
  const seconds = (now() - startedAt) / 1000;
  agent.destroy();
  return { seconds, answers };
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function post(url: string, { headers, body }: SignedEvent, agent: http.Agent): Promise<number> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", () => resolve(0));
    });
    request.once("error", () => resolve(0));
    request.end(body);
  });
}
