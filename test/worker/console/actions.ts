import { expect } from "vitest";
import type { TestRelay } from "../support/relay.ts";
import { read } from "./reading.ts";
import type { Visitor } from "./visitor.ts";

/** The page that an action leads to. */
export async function follow(visitor: Visitor, response: Response): Promise<string> {
  expect(response.status).toBe(303);
  return read(visitor, response.headers.get("location") ?? "");
}

/** What the audit trail says, newest first. */
export const actionsOf = async (relay: TestRelay) =>
  (await relay.api("GET", "/api/audit")).body.data.map(({ action, outcome }: any) => `${action} ${outcome}`);
