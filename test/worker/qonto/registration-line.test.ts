import { describe, expect, it } from "vitest";
import { type Place, registrationLine } from "../../../src/qonto/registration.ts";

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
  it("shows what is done, where it stands and what is known to come", () => {
    expect(short("pending")).toBe(`>pending -user_started -contract_signed ${ofCompany} -completed`);
    expect(short("pending user_started contract_signed submitted")).toBe(
      "=pending =user_started =contract_signed >submitted (-capital_deposit_activated) (-capital_deposit_request_signed) (-capital_deposit_certificate_signed) (-capital_deposit_statement_ready) -completed",
    );
  });

  it("has nothing ahead of it at its end", () => {
    expect(short("pending user_started contract_signed completed")).toBe(
      "=pending =user_started =contract_signed >completed",
    );
  });

  it("shows stages of which no event came, and none of those that are not for everybody", () => {
    expect(short("pending completed")).toBe("=pending ?user_started ?contract_signed >completed");
    expect(short("contract_signed")).toContain("?pending ?user_started >contract_signed (-submitted)");
  });

  it("begins anew behind a reset, and keeps what was before", () => {
    const { places, before } = registrationLine(reached("pending user_started deleted pending deleted pending"));
    expect(places[0]).toEqual({ standing: "now", stage: "pending", at: "2026-01-06T00:00:00Z", eventId: "event-5" });
    expect(before.map((life) => life.map(({ stage }) => stage))).toEqual([
      ["pending", "user_started", "deleted"],
      ["pending", "deleted"],
    ]);
  });

  it("stands at its reset until something comes", () => {
    expect(short("pending deleted")).toBe("=pending >deleted");
    expect(short("deleted")).toBe(">deleted");
    expect(registrationLine([])).toEqual({ places: [], before: [] });
  });

  it("takes a stage that nobody has heard of, and one that came twice", () => {
    expect(short("pending video_call user_started user_started")).toBe(
      `=pending =video_call =user_started >user_started -contract_signed ${ofCompany} -completed`,
    );
    expect(short("video_call")).toBe(`>video_call -pending -user_started -contract_signed ${ofCompany} -completed`);
  });
});
