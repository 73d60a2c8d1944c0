import { makePayload } from "../../support/qonto.ts";
import { TestRelay } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { Visitor } from "./visitor.ts";

export const list = "/console/events";
export const pageOf = (id: string) => `${list}/${encodeURIComponent(id)}`;
export const linkTo = (id: string) => `href="${pageOf(id)}"`;

/** One event that its destination has, one that a destination has yet to take, one that nobody wanted. */
export async function threeEnds() {
  const relay = new TestRelay();
  await relay.addDestination("https://well.example.com/hook", {
    description: "Well",
    types: ["v1/transactions", "v1/cards"],
  });
  await relay.addDestination("https://ill.example.com/hook", { description: "Ill", types: ["v1/cards"] });
  relay.destinations.answer("https://ill.example.com/hook", statuses(500));
  const ends = {
    delivered: makePayload("v1/transactions"),
    pending: makePayload("v1/cards"),
    unmatched: makePayload("v1/clients"),
  };
  for (const payload of Object.values(ends)) {
    relay.passSeconds(1);
    await relay.send(payload);
  }
  await relay.runQueues();
  return { relay, ends, visitor: await Visitor.loggedIn(relay) };
}

/** An event that a destination has, and that another did not take. */
export async function halfTaken() {
  const relay = new TestRelay();
  const has = await relay.addDestination("https://has.example.com/hook", { description: "Has" });
  const lacks = await relay.addDestination("https://lacks.example.com/hook", {
    description: "Lacks",
    retry_schedule_seconds: [],
  });
  relay.destinations.answer("https://lacks.example.com/hook", () => new Response("out of paper", { status: 503 }));
  const payload = makePayload("v1/transactions");
  await relay.send(payload);
  await relay.runQueues();
  relay.destinations.answer("https://lacks.example.com/hook", statuses(200));
  return { relay, has, lacks, payload, visitor: await Visitor.loggedIn(relay) };
}

export const received = (relay: TestRelay, name: string) =>
  relay.destinations.at(`https://${name}.example.com/hook`).length;

export async function auditOf(relay: TestRelay) {
  return (await relay.api("GET", "/api/audit")).body.data.filter(
    ({ action }: { action: string }) => action === "event.replayed",
  );
}
