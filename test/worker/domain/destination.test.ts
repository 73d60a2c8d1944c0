import { describe, expect, it } from "vitest";
import { matches } from "../../../src/domain/destination.ts";
import { someDestination } from "../support/store.ts";

const card = { type: "v1/cards", organizationId: "org-1" };
const lost = { type: "relay.connection.lost", organizationId: "org-1" };
const silent = { type: "relay.source.silent", organizationId: null };
const failing = { type: "relay.destination.failing", organizationId: null, resourceId: someDestination.id };
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
    ["without filters matches no operational event", {}, lost, false],
    ["matches no operational event by a lone star", { types: ["*"] }, lost, false],
    ["matches no operational event by a prefix that others have, too", { types: ["relay*"] }, lost, false],
    ["matches an operational event that it names", { types: ["v1/*", lost.type] }, lost, true],
    ["matches operational events by their prefix", { types: ["relay.*"] }, lost, true],
    ["that names other operational events does not match", { types: [silent.type] }, lost, false],
    ["that names operational events matches nothing else", { types: ["relay.*"] }, card, false],
    ["matches operational events of its organization", { types: ["relay.*"], organizations: ["org-1"] }, lost, true],
    ["does not match those of another", { types: ["relay.*"], organizations: ["org-2"] }, lost, false],
    ["matches those of no organization", { types: ["relay.*"], organizations: ["org-1"] }, silent, true],
    ["matches events about another destination", { types: ["relay.*"] }, { ...failing, resourceId: "dst_2" }, true],
    ["does not match events about itself", { types: ["relay.*"] }, failing, false],
    ["that is disabled matches nothing", { enabled: false }, card, false],
  ] as const)("%s", (_title, settings, event, isMatch) => {
    expect(matches({ ...someDestination, ...settings }, event)).toBe(isMatch);
  });
});
