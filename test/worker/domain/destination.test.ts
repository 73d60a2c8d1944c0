import { describe, expect, it } from "vitest";
import { wants } from "../../../src/domain/destination.ts";
import { someDestination } from "../support/store.ts";

const card = { type: "v1/cards", organizationId: "org-1" };
const onboarding = { type: "registrations.completed", organizationId: null };

describe("a destination", () => {
  it.each([
    ["without filters wants everything", {}, card, true],
    ["without filters wants events of no organization", {}, onboarding, true],
    ["wants a type it names", { types: ["v1/cards"] }, card, true],
    ["does not want the beginning of a type it names", { types: ["v1/cards-limits"] }, card, false],
    ["does not want what a type it names begins with", { types: ["v1/card"] }, card, false],
    ["wants what its prefix covers", { types: ["v1/*"] }, card, true],
    ["wants everything by a lone star", { types: ["*"] }, onboarding, true],
    ["does not want what its prefix does not cover", { types: ["registrations.*"] }, card, false],
    ["wants any of several types", { types: ["v1/transfers", "v1/cards"] }, card, true],
    ["wants its organization", { organizations: ["org-1"] }, card, true],
    ["does not want another organization", { organizations: ["org-2"] }, card, false],
    ["that names organizations does not want events of none", { organizations: ["org-1"] }, onboarding, false],
    ["wants only what passes both filters", { types: ["v1/cards"], organizations: ["org-2"] }, card, false],
    ["that is disabled wants nothing", { enabled: false }, card, false],
  ] as const)("%s", (_title, settings, event, wanted) => {
    expect(wants({ ...someDestination, ...settings }, event)).toBe(wanted);
  });
});
