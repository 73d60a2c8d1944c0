import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readVariables } from "../../../src/local/variables-file.ts";
import { parseConfig } from "../../../src/config.ts";

/** What somebody may set as production's secrets who takes it from a developer's machine. */

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");

const [, localText = ""] = /const localVariables = `(.*?)`;/s.exec(read("src/local/start.ts")) ?? [];

const { ALLOW_PRIVATE_DESTINATIONS, ...localSecrets } = readVariables(localText).variables;

describe("the values of .dev.vars", () => {
  it("count on a developer's machine", () => {
    expect(Object.keys(localSecrets)).toHaveLength(4);
    const config = parseConfig({ ...localSecrets, ALLOW_PRIVATE_DESTINATIONS });
    expect([config.secrets.business.length, config.secrets.onboarding.length, config.faults]).toEqual([1, 1, []]);
    expect(config.adminToken).not.toBe("");
  });

  it.each([{}, { ALLOW_PRIVATE_DESTINATIONS: "" }, { ALLOW_PRIVATE_DESTINATIONS: "false" }])(
    "count nowhere without ALLOW_PRIVATE_DESTINATIONS=true, and each is named: %o",
    (changes) => {
      const { secrets, adminToken, trustedKeys, faults } = parseConfig({ ...localSecrets, ...changes });
      expect({ secrets, adminToken, trustedKeys }).toEqual({
        secrets: { business: [], onboarding: [] },
        adminToken: "",
        trustedKeys: [],
      });
      expect(faults.map(({ variable }) => variable).toSorted()).toEqual(Object.keys(localSecrets).toSorted());
    },
  );
});

describe("the values of .dev.vars.example", () => {
  it("are as good as none", () => {
    const { variables } = readVariables(read(".dev.vars.example"));
    expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(localSecrets)));
    expect(parseConfig(variables)).toEqual(parseConfig({}));
    expect(parseConfig({}).faults.map(({ variable }) => variable)).toEqual(["QONTO_WEBHOOK_SECRETS", "ADMIN_TOKEN"]);
  });
});

describe("ADMIN_TOKEN=a", () => {
  it("lets nobody in, encrypts nothing, and is named", () => {
    const { adminToken, trustedKeys, faults } = parseConfig({ QONTO_WEBHOOK_SECRETS: "secret", ADMIN_TOKEN: "a" });
    expect({ adminToken, trustedKeys }).toEqual({ adminToken: "", trustedKeys: [] });
    expect(faults.map(({ variable }) => variable)).toEqual(["ADMIN_TOKEN"]);
  });
});
