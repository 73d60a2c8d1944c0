import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { certificateOf } from "../../../src/cli/commands/doctor/circumstances.ts";
import { selfSigned } from "./certificate.ts";
import { HttpServer } from "../../support/qonto-server/node/http-server.ts";
import { QontoServer } from "../../support/qonto-server/node/qonto-server.ts";
import { BUSINESS_SECRET, ONBOARDING_SECRET, ScriptedRelay } from "./doctor-scene.ts";
import { NOBODY } from "./scripted-server.ts";
import { spawnQonto } from "./qonto-process.ts";
import { qonto } from "./qonto-program.ts";

let relay: ScriptedRelay;
let server: HttpServer;
beforeEach(async () => {
  relay = new ScriptedRelay();
  server = await HttpServer.start((request) => relay.fetch(request));
});
afterEach(() => server.stop());

const credentials = {
  ADMIN_TOKEN: "admin-token-of-test",
  QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET,
  QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
};
const doctor = (more: readonly string[] = [], environment: Record<string, string> = credentials, url = server.url) =>
  qonto(["doctor", "--url", url, ...more], environment, { world: { elapsedMs: () => 0 } });

describe("doctor", () => {
  it("says in a line each what passed, what could not be checked and how it could be, and ends with 0", async () => {
    const { code, stdout, stderr } = await doctor();
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^✓ answer {8}Answered 200 within 1 s\. 5 POSTs: median \d+ ms, worst \d+ ms\.$/m);
    expect(stdout).toMatch(/^– subscription {2}not checked: .*QONTO_ACCESS_TOKEN/m);
    expect(stdout).toMatch(/^No fault found\. 4 of 21 checks could not be made\.$/m);
    expect(stdout).not.toContain("\u001B");
  });

  it("says of a fault what it is, how it was seen and what to do, and ends with 1", async () => {
    relay.ledger.balanced = false;
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /✗ ledger {8}ledger_unbalanced\n {16}\S.*\n(?:.*\n)*? {16}seen {2}\S.*\n(?:.*\n)*? {16}do {4}\S/,
    );
    expect(stdout).toContain("1 fault found.");
  });

  it("gives a program the same, under names that it can rely on", async () => {
    relay.ledger.balanced = false;
    const { code, stdout, stderr } = await doctor(["--json"]);
    const report = JSON.parse(stdout);
    expect([code, stderr]).toEqual([1, ""]);
    expect(report).toMatchObject({
      url: `${server.url}/webhooks/qonto`,
      healthy: false,
      findings: [
        {
          check: "ledger",
          fault: "ledger_unbalanced",
          what: expect.any(String),
          seen: expect.any(String),
          remedy: expect.any(String),
          commands: [expect.any(String)],
        },
      ],
    });
    expect(report.checks).toHaveLength(21);
    expect(report.checks).toContainEqual(
      expect.objectContaining({ name: "ledger", outcome: "failed", faults: ["ledger_unbalanced"] }),
    );
    expect(report.checks).toContainEqual(
      expect.objectContaining({ name: "subscription", outcome: "skipped", enable: expect.any(String) }),
    );
  });

  it("of a relay that is down is whole, and names that first", async () => {
    const { code, stdout, stderr } = await doctor(["--json"], credentials, NOBODY);
    const report = JSON.parse(stdout);
    expect([code, stderr, report.checks.length]).toEqual([1, "", 21]);
    expect(report.findings.map(({ fault }: { fault: string }) => fault)).toEqual(["relay_unreachable"]);
  });

  it("says once, and of all checks that hang on it, that a relay is down", async () => {
    const { stdout } = await doctor([], credentials, NOBODY);
    expect(stdout).toMatch(
      /^– access, configuration, refusals, .*destinations\n {16}not checked: The relay does not answer/m,
    );
    expect(stdout.split("\n").length).toBeLessThan(25);
  });

  it("looks into Qonto's sandbox with its token, and without it says what is lacking", async () => {
    const sandbox = await QontoServer.start({ stagingToken: "staging-token-of-test" });
    const access = { ...credentials, QONTO_API_URL: sandbox.url, QONTO_ACCESS_TOKEN: sandbox.accessToken };
    const lacking = JSON.parse((await doctor(["--json", "--sandbox"], access)).stdout);
    expect(lacking.checks).toContainEqual(
      expect.objectContaining({ name: "subscription", outcome: "skipped", enable: "Set QONTO_STAGING_TOKEN too." }),
    );
    expect(sandbox.calls).toEqual([]);
    const whole = await doctor(["--json", "--sandbox"], { ...access, QONTO_STAGING_TOKEN: "staging-token-of-test" });
    expect(JSON.parse(whole.stdout).findings).toMatchObject([{ fault: "subscription_missing" }]);
    await sandbox.stop();
  });

  it("shows no secret and no token, also when the relay writes them in its answers", async () => {
    relay.secrets.business[0] = "another";
    relay.intercept = (_request, pathname) =>
      pathname.startsWith("/api/")
        ? Response.json({ code: "odd", detail: Object.values(credentials).join(" ") }, { status: 500 })
        : null;
    for (const more of [[], ["--json"]]) {
      const { stdout, stderr } = await doctor(more);
      for (const secret of Object.values(credentials)) expect(stdout + stderr).not.toContain(secret);
    }
  });

  it("sends no token where all could read it, and says so", async () => {
    const authorized: (string | null)[] = [];
    relay.intercept = ({ headers }) => {
      authorized.push(headers.get("authorization"));
      return null;
    };
    const { stdout } = await doctor(["--json"], credentials, server.url.replace("127.0.0.1", "0.0.0.0"));
    const { findings, checks }: { findings: any[]; checks: any[] } = JSON.parse(stdout);
    expect(findings.map(({ fault }) => fault)).toEqual(["url_not_https", "address_private"]);
    expect(checks.find(({ name }) => name === "access")).toMatchObject({ enable: "Give an https address." });
    expect(new Set(authorized)).toEqual(new Set([null]));
  });

  it.each([
    ["an address that is none", ["doctor", "--url", "relay.example.com"]],
    ["a patience that is none", ["doctor", "--patience", "long"]],
    ["an argument too many", ["doctor", "https://relay.example.com"]],
  ])("ends with 2 for %s", async (_what, commandLine) => {
    expect(await qonto(commandLine)).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("a certificate as it is seen", () => {
  const DAY_MS = 86_400_000;
  /** In whole seconds, as certificates have it. */
  const inDays = (days: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + days * DAY_MS);
  const trusted = tls.getCACertificates();
  let tlsServer: https.Server | undefined;
  afterEach(() => {
    tls.setDefaultCACertificates(trusted);
    tlsServer?.closeAllConnections();
    tlsServer?.close();
  });

  async function serve(name: string, days: number) {
    const until = inDays(days);
    const identity = selfSigned(name, { from: inDays(-10), until });
    tlsServer = https
      .createServer(identity, (_request, response) => response.writeHead(404).end())
      .listen(0, "127.0.0.1");
    await once(tlsServer, "listening");
    return { port: (tlsServer.address() as AddressInfo).port, certificate: identity.cert, until };
  }

  it("tells its end, its issuer, and why it is not trusted", async () => {
    const { port, until } = await serve("localhost", 7);
    expect(await certificateOf("localhost", port)).toEqual({
      validUntil: until.getTime(),
      refusedFor: "DEPTH_ZERO_SELF_SIGNED_CERT",
      issuer: "localhost",
    });
  });

  const certificateFaults = (stdout: string) =>
    JSON.parse(stdout)
      .findings.filter(({ check }: { check: string }) => check === "certificate")
      .map(({ fault }: { fault: string }) => fault);

  it.each<[string, string, number, string[]]>([
    ["trusted", "localhost", 90, []],
    ["trusted, and about to end", "localhost", 7, ["certificate_expires_soon"]],
    ["of yesterday", "localhost", -1, ["certificate_expired"]],
    ["of another host", "other.example.com", 90, ["certificate_for_another_host"]],
  ])("%s", async (_what, name, days, expected) => {
    const { port, certificate } = await serve(name, days);
    tls.setDefaultCACertificates([...trusted, certificate]);
    const { stdout } = await doctor(["--json"], {}, `https://localhost:${port}`);
    expect(certificateFaults(stdout)).toEqual(expected);
  });

  it("is trusted when the process that looks is told to, as Node is told", async () => {
    const { port, certificate } = await serve("localhost", 90);
    const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-tls-"));
    const file = path.join(directory, "certificate.pem");
    writeFileSync(file, certificate);
    const { stdout } = await spawnQonto(["doctor", "--json", "--url", `https://localhost:${port}`], {
      NODE_EXTRA_CA_CERTS: file,
    }).ended;
    expect(certificateFaults(stdout)).toEqual([]);
    rmSync(directory, { recursive: true });
  });

  it("is not to be had where nobody speaks TLS", async () => {
    const plain = net.createServer((socket) => socket.end("hello\n")).listen(0, "127.0.0.1");
    await once(plain, "listening");
    await expect(certificateOf("127.0.0.1", (plain.address() as AddressInfo).port)).rejects.toThrow();
    plain.close();
  });
});
