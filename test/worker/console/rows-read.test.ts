import { beforeEach, describe, expect, it } from "vitest";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { keepBusyDay, rowsReadFor } from "./look-at.ts";

beforeEach(emptyDatabase);

describe("with 20,000 events of the last day and three destinations", () => {
  it.each([
    ["/console", 7_200],
    ["/console/destinations", 15_000],
    ["/console/destinations/:id", 15_000],
    ["/console/events", 15_000],
    ["/console/events/:id", 15_000],
    ["/console/organizations", 15_000],
  ])("%s reads at most %i rows", async (path, most) => {
    const relay = new TestRelay();
    const destinationId = await keepBusyDay(relay, 20_000);
    const id = path.includes("destinations") ? destinationId : "kept-10000";
    expect(await rowsReadFor(relay, path.replace(":id", id))).toBeLessThanOrEqual(most);
  });
});
