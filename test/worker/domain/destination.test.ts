import { describe, expect, it } from "vitest";
import { matches } from "../../../src/domain/destination.ts";
import { someDestination } from "../support/store.ts";

const card = { type: "v1/cards", organizationId: "org-1" };
const onboarding = { type: "registrations.completed", organizationId: null };

describe("a destination", () => {
  it.each([
    ["without filters matches everything", {}, card, true],
    ["without filters matches events of no organization", {}, onboarding, true],
    ["matches a type it names", { types: ["v1/cards"] }, card, true],
    ["does not match the beginning of a type it names", { types: ["v1/cards-limits"] }, card, false],
    ["does not match what a type it names begins with", { types: ["v1/card"] }, card, false],
    ["matches what its prefix covers", { types: ["v1/*"] }, card, true],
    ["matches everything by a lone star", { types: ["*"] }, onboarding, true],
    ["does not match what its prefix does not cover", { types: ["registrations.*"] }, card, false],
    ["matches any of several types", { types: ["v1/transfers", "v1/cards"] }, card, true],
    ["matches its organization", { organizations: ["org-1"] }, card, true],
    ["does not match another organization", { organizations: ["org-2"] }, card, false],
    ["that names organizations does not match events of none", { organizations: ["org-1"] }, onboarding, false],
    ["matches only what passes both filters", { types: ["v1/cards"], organizations: ["org-2"] }, card, false],
    ["that is disabled matches nothing", { enabled: false }, card, false],
  ] as const)("%s", (_title, settings, event, isMatch) => {
    expect(matches({ ...someDestination, ...settings }, event)).toBe(isMatch);
  });
});
