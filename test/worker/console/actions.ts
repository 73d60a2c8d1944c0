import { expect } from "vitest";
import type { TestRelay } from "../support/relay.ts";
import type { Visitor } from "./visitor.ts";

/** A page without its tags, so that a sentence can be found in it. */
export async function read(visitor: Visitor, path: string): Promise<string> {
  const response = await visitor.get(path);
  expect(response.status).toBe(200);
  const html = await response.text();
  return html
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s+/g, " ");
}

/** The page that an action leads to. */
export async function follow(visitor: Visitor, response: Response): Promise<string> {
  expect(response.status).toBe(303);
  return read(visitor, response.headers.get("location") ?? "");
}

/** What the audit trail says, newest first. */
export const actionsOf = async (relay: TestRelay) =>
  (await relay.api("GET", "/api/audit")).body.data.map(({ action, outcome }: any) => `${action} ${outcome}`);
