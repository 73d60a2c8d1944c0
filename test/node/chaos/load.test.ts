import { describe, expect, it } from "vitest";
import { chanceOf } from "../../chaos/chance.ts";
import { planLoad } from "../../chaos/load.ts";

const plan = (seed: number) => planLoad(500, Date.UTC(2026, 0, 1), chanceOf(seed));

describe("the load", () => {
  it("comes nearly in order: some events overtake others", () => {
    const shifts = plan(1).map(({ version }, place) => version - place);
    expect(shifts.slice(0, 400).some((shift) => shift < 0)).toBe(true);
    expect(Math.min(...shifts.slice(0, 400))).toBeGreaterThanOrEqual(-10);
  });

  it("ends with an older event of each resource", () => {
    const events = plan(1);
    const lastOfEach = new Map(events.map(({ resource, version }) => [resource, version]));
    for (const [resource, last] of lastOfEach) {
      if (resource === null) continue;
      const versions = events.filter((event) => event.resource === resource).map(({ version }) => version);
      expect(versions.toSorted((one, other) => other - one).indexOf(last)).toBe(1);
    }
  });

  it("shows few resources often, each time at an instant of its own", () => {
    const resources = Map.groupBy(
      plan(1).filter(({ resource }) => resource !== null),
      ({ resource }) => resource,
    );
    expect(resources.size).toBe(24);
    for (const events of resources.values()) {
      const instants = events
        .toSorted((one, other) => one.version - other.version)
        .map(({ payload }) => String(payload["created_at"]));
      expect(instants).toEqual([...new Set(instants)].toSorted());
    }
  });

  it("is the same again for the same seed, but for the events' ids", () => {
    const kinds = (seed: number) => plan(seed).map(({ type, resource, version }) => [type, resource, version]);
    expect(kinds(7)).toEqual(kinds(7));
    expect(kinds(7)).not.toEqual(kinds(8));
  });
});
