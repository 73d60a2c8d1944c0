import { describe, expect, it } from "vitest";
import { eventTypes } from "../../../src/qonto/event-types.ts";
import { qonto } from "./qonto-program.ts";

describe("qonto event-types", () => {
  it("lists every type with what it says, without a relay or a token", async () => {
    const { code, stdout } = await qonto(["event-types", "list"]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n").slice(1);
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual(
      eventTypes.map(({ type, description }) => [type, description]),
    );
  });

  it.each(["v1/transactions", "registrations.completed", "relay.connection.lost"])("shows %s", async (type) => {
    const known = eventTypes.find((one) => one.type === type);
    const { stdout: example } = await qonto(["event-types", "show", type]);
    expect(JSON.parse(example)).toEqual(known?.example);
    const { stdout: schema } = await qonto(["event-types", "show", type, "--schema", "--json"]);
    expect(JSON.parse(schema)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: type,
      description: known?.description,
    });
  });

  it("says where the types are that there are", async () => {
    const { code, stderr } = await qonto(["event-types", "show", "v1/unheard-of"]);
    expect(code).toBe(2);
    expect(stderr).toContain("v1/unheard-of is not in the catalogue.");
    expect(stderr).toContain("event-types list");
  });
});
