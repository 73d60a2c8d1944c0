import { describe, expect, it } from "vitest";
import { parseInstant } from "../../../src/domain/instant.ts";

const keyOf = (text: string) => parseInstant(text)?.sortKey;

describe("parseInstant", () => {
  it.each([
    ["2025-01-24T10:55:00Z", "2025-01-24T10:55:00Z"],
    ["2022-12-01T08:57:00.123Z", "2022-12-01T08:57:00.123Z"],
    ["2022-03-04T17:58:30+02:00", "2022-03-04T15:58:30Z"],
    ["2022-03-04T00:30:00.5+0100", "2022-03-03T23:30:00.5Z"],
    ["2024-02-29T23:59:59-00:30", "2024-03-01T00:29:59Z"],
    ["2022-03-01", "2022-03-01T00:00:00Z"],
    ["2022-03-01 08:00:00", "2022-03-01T08:00:00Z"],
  ])("reads %s as %s", (text, iso) => {
    expect(parseInstant(text)?.iso).toBe(iso);
  });

  it.each([
    "2022-11-31",
    "2023-02-29T00:00:00Z",
    "2022-13-01T00:00:00Z",
    "2022-01-01T24:00:00Z",
    "2022-01-01T00:00:00+24:00",
    "1704110400",
    "yesterday",
    "",
    null,
    undefined,
    1704110400,
    {},
  ])("finds no instant in %j", (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it("orders instants, not texts", () => {
    expect(keyOf("2022-03-04T17:58:30+02:00")).toBe(keyOf("2022-03-04T15:58:30Z"));
    expect(keyOf("2022-03-04T15:58:30Z")).toBe(keyOf("2022-03-04T15:58:30.000Z"));
    const inOrder = [
      "0001-01-01T00:00:00Z",
      "1969-12-31T23:59:59Z",
      "1970-01-01T00:00:00Z",
      "2025-01-01T00:00:00Z",
      "2025-01-01T00:00:00.000000001Z",
      "2025-01-01T00:00:00.1Z",
      "2025-01-01T00:00:00.12Z",
      "9999-12-31T23:59:59Z",
    ].map(keyOf);
    expect(inOrder.toSorted()).toEqual(inOrder);
    expect(new Set(inOrder).size).toBe(inOrder.length);
  });
});
