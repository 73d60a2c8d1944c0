import { describe, expect, it } from "vitest";
import { readEnvelope } from "../../../src/qonto/envelope.ts";
import { makePayload } from "../../support/qonto.ts";
import { readRegistrationStage } from "../../../src/qonto/registration.ts";

function stage(event_type: string, created_at: string, id = event_type) {
  const envelope = readEnvelope("onboarding", { id, event_type, resource_id: "r1", created_at });
  const read = envelope && readRegistrationStage(envelope);
  if (read === null) throw new Error("unreadable");
  return read;
}

function present(stages: readonly ReturnType<typeof stage>[]): string | undefined {
  return stages.toSorted((one, other) => (one.version < other.version ? -1 : 1)).at(-1)?.stage;
}

it("a reset is no registration's own event, because it names an organization", () => {
  const envelope = readEnvelope("onboarding", makePayload("organizations.deleted"));
  expect(envelope && readRegistrationStage(envelope)).toMatchObject({ stage: "deleted", isRegistration: false });
  expect(stage("registrations.pending", "2022-08-29T13:17:32Z").isRegistration).toBe(true);
});

describe("a registration's present stage", () => {
  it("is that of the latest event", () => {
    expect(
      present([
        stage("registrations.completed", "2022-08-29T13:17:35Z"),
        stage("registrations.pending", "2022-08-29T13:17:32Z"),
        stage("registrations.contract_signed", "2022-08-29T13:17:33Z"),
      ]),
    ).toBe("completed");
  });

  it("is decided by the lifecycle when two events are of one second", () => {
    const second = "2022-08-29T13:17:32Z";
    expect(
      present([
        stage("registrations.user_started", second),
        stage("registrations.pending", second),
        stage("registrations.submitted", second),
        stage("registrations.contract_signed", second),
      ]),
    ).toBe("submitted");
  });

  it("is deleted after a reset that names it, until a new registration begins", () => {
    const reset = [
      stage("registrations.pending", "2022-08-29T13:17:32Z", "e1"),
      stage("registrations.completed", "2022-08-29T13:17:33Z", "e2"),
      stage("organizations.deleted", "2022-08-29T13:17:33Z", "e3"),
    ];
    expect(present(reset)).toBe("deleted");
    expect(present([...reset, stage("registrations.pending", "2022-08-30T00:00:00Z", "e4")])).toBe("pending");
  });
});
