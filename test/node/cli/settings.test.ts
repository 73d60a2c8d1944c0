import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Settings } from "../../../src/cli/settings.ts";
import { Secrets } from "../../../src/cli/terminal.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-settings-"));
writeFileSync(path.join(directory, ".dev.vars"), 'ADMIN_TOKEN="local-token"\nQONTO_WEBHOOK_SECRETS=\n');
const silent = () => undefined;
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("a secret that the relay has as well", () => {
  it.each<[string, Record<string, string>, string, object | undefined]>([
    ["is the environment's", { ADMIN_TOKEN: "mine" }, "http://localhost:1", { value: "mine", from: "ADMIN_TOKEN" }],
    [
      "is that of .dev.vars for a relay on this machine",
      {},
      "http://localhost:1",
      { value: "local-token", from: "ADMIN_TOKEN in .dev.vars" },
    ],
    [
      "also by its number",
      { ADMIN_TOKEN: " " },
      "http://127.0.0.1:1",
      { value: "local-token", from: "ADMIN_TOKEN in .dev.vars" },
    ],
    ["and by its number of IPv6", {}, "http://[::1]:1", { value: "local-token", from: "ADMIN_TOKEN in .dev.vars" }],
    ["is not that of .dev.vars for a relay elsewhere", {}, "https://relay.example.com", undefined],
    ["nor for one that only begins like this machine", {}, "https://127.0.0.1.example.com", undefined],
  ])("%s", (_how, environment, url, expected) => {
    expect(new Settings(environment, directory, new Secrets(), silent).sharedSecret("ADMIN_TOKEN", url)).toEqual(
      expected,
    );
  });

  it("that is empty is none", () => {
    expect(
      new Settings({}, directory, new Secrets(), silent).sharedSecret("QONTO_WEBHOOK_SECRETS", "http://localhost:1"),
    ).toBeUndefined();
  });
});

describe("a secret of .dev.vars that is cut at its #", () => {
  it("is said once, by its name", () => {
    const cut = mkdtempSync(path.join(directory, "cut-"));
    writeFileSync(path.join(cut, ".dev.vars"), "ADMIN_TOKEN=local-token\nQONTO_WEBHOOK_SECRETS=0123#456\n");
    const told: string[] = [];
    const settings = new Settings({}, cut, new Secrets(), (line) => told.push(line));
    settings.sharedSecret("ADMIN_TOKEN", "http://localhost:1");
    expect(told).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      expect(settings.sharedSecret("QONTO_WEBHOOK_SECRETS", "http://localhost:1")?.value).toBe("0123");
    }
    expect(told).toEqual([
      "QONTO_WEBHOOK_SECRETS in .dev.vars is cut at its #: quotes around the value keep it whole.\n",
    ]);
  });
});

describe("the relay's address", () => {
  it.each([
    [undefined, {}, "http://localhost:8787"],
    [undefined, { RELAY_URL: "https://relay.example.com/" }, "https://relay.example.com"],
    ["https://relay.example.com//", {}, "https://relay.example.com"],
    ["https://other.example.com/under/", { RELAY_URL: "https://relay.example.com" }, "https://other.example.com/under"],
  ])("given %j and %j is %s", (given, environment, url) => {
    expect(new Settings(environment, directory, new Secrets(), silent).relayUrl(given)).toBe(url);
  });

  it.each(["relay.example.com", "ftp://relay.example.com", "https://me:word@relay.example.com"])(
    "is not %s",
    (given) => {
      expect(() => new Settings({}, directory, new Secrets(), silent).relayUrl(given)).toThrow(/--url/);
    },
  );
});
