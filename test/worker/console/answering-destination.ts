import { TestRelay } from "../support/relay.ts";
import type { Answer } from "../support/destinations.ts";
import { Visitor } from "./visitor.ts";

export const HOOK = "https://accounting.example.com/hook";

/** A relay with one destination, Accounting, and an operator who is logged in. */
export async function answeringDestination(answer: Answer, settings: object = {}) {
  const relay = new TestRelay();
  const { id, secret } = await relay.addDestination(HOOK, { description: "Accounting", ...settings });
  relay.destinations.answer(HOOK, answer);
  relay.passSeconds(1);
  const visitor = await Visitor.loggedIn(relay);
  return { relay, id, secret, visitor, path: `/console/destinations/${id}` };
}
