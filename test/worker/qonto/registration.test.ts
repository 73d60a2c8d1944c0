import { describe, expect, it } from "vitest";
import { readEnvelope } from "../../../src/qonto/envelope.ts";
import { makePayload } from "../../support/qonto.ts";
import { type Place, readRegistrationStage, registrationLine } from "../../../src/qonto/registration.ts";

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

const reached = (stages: string) =>
  stages
    .split(" ")
    .map((stage, index) => ({ stage, at: `2026-01-0${index + 1}T00:00:00Z`, eventId: `event-${index}` }));

const signs: Readonly<Record<Place["standing"], string>> = { done: "=", now: ">", unheard: "?", ahead: "-" };

/** A line in short: `=pending >user_started -contract_signed (-submitted)`. */
function short(stages: string): string {
  return registrationLine(reached(stages))
    .places.map((place) => {
      const text = `${signs[place.standing]}${place.stage}`;
      return place.standing === "ahead" && place.isPossible ? `(${text})` : text;
    })
    .join(" ");
}

const ofCompany =
  "(-submitted) (-capital_deposit_activated) (-capital_deposit_request_signed) (-capital_deposit_certificate_signed) (-capital_deposit_statement_ready)";

describe("the line of a registration", () => {
  it("shows the stages that are done, the present one and those that are known to come", () => {
    expect(short("pending")).toBe(`>pending -user_started -contract_signed ${ofCompany} -completed`);
    expect(short("pending user_started contract_signed submitted")).toBe(
      "=pending =user_started =contract_signed >submitted (-capital_deposit_activated) (-capital_deposit_request_signed) (-capital_deposit_certificate_signed) (-capital_deposit_statement_ready) -completed",
    );
  });

  it("has no stage ahead when it is completed", () => {
    expect(short("pending user_started contract_signed completed")).toBe(
      "=pending =user_started =contract_signed >completed",
    );
  });

  it("shows unreported stages, but only those of every registration", () => {
    expect(short("pending completed")).toBe("=pending ?user_started ?contract_signed >completed");
    expect(short("contract_signed")).toContain("?pending ?user_started >contract_signed (-submitted)");
  });

  it("begins again after a reset, and keeps what was before", () => {
    const { places, before } = registrationLine(reached("pending user_started deleted pending deleted pending"));
    expect(places[0]).toEqual({ standing: "now", stage: "pending", at: "2026-01-06T00:00:00Z", eventId: "event-5" });
    expect(before.map((life) => life.map(({ stage }) => stage))).toEqual([
      ["pending", "user_started", "deleted"],
      ["pending", "deleted"],
    ]);
  });

  it("stays at its reset until another event comes", () => {
    expect(short("pending deleted")).toBe("=pending >deleted");
    expect(short("deleted")).toBe(">deleted");
    expect(registrationLine([])).toEqual({ places: [], before: [] });
  });

  it("takes an unknown stage, and one that came twice", () => {
    expect(short("pending video_call user_started user_started")).toBe(
      `=pending =video_call =user_started >user_started -contract_signed ${ofCompany} -completed`,
    );
    expect(short("video_call")).toBe(`>video_call -pending -user_started -contract_signed ${ofCompany} -completed`);
  });
});
