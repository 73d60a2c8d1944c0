import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { parseEnv } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { PlayedRelay, untilSettled } from "../../demo/client.ts";
import { freePort } from "../../demo/free-port.ts";
import { DestinationServer } from "../../demo/destination-server.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { LocalRelay } from "./local-relay.ts";

const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function freshCopy(): Promise<LocalRelay> {
  const relay = new LocalRelay(await freePort());
  cleanUps.push(() => relay.remove());
  return relay;
}

async function startDestination(answer?: (before: number) => number): Promise<DestinationServer> {
  const destination = await DestinationServer.start(answer);
  cleanUps.push(() => destination.stop());
  return destination;
}

const sign = (payload: object, secret: string) =>
  businessRequest(payload, { secret, timestamp: Math.floor(Date.now() / 1000) });

const localVariables = {
  QONTO_WEBHOOK_SECRETS: "local-business-secret",
  QONTO_ONBOARDING_SECRETS: "local-onboarding-secret",
  ADMIN_TOKEN: "local-admin-token",
  ENCRYPTION_KEYS: "local-encryption-key",
  ALLOW_PRIVATE_DESTINATIONS: "true",
};

/** A client that hangs up after 100 KB of the 1 MB that it has announced. */
async function hangUp(port: number): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket = net.connect(port, "localhost");
  // The other end may be the first to go: that is an error, and no end of the wait.
  socket.on("error", () => undefined);
  socket.once("close", () => resolve());
  const head = "POST /webhooks/qonto HTTP/1.1\r\nhost: localhost\r\nx-qonto-signature: t=1,v1=00\r\n";
  socket.write(`${head}content-length: 1000000\r\n\r\n${"x".repeat(100_000)}`, () => socket.destroy());
  await closed;
}

describe("npm start", () => {
  it("serves from a fresh copy, has run the cron, and ends every process on SIGTERM", async () => {
    const relay = await freshCopy();
    await relay.start();
    expect(parseEnv(readFileSync(relay.path(".dev.vars"), "utf8"))).toEqual(localVariables);
    const health = await fetch(`${relay.url}/health`);
    expect(await health.json()).toMatchObject({ status: "ok", checks: { cron: { status: "ok" } } });
    expect(relay.output).toContain(relay.url);
    // npm's own words about its configuration are not ours.
    const ours = relay.output.split("\n").filter((line) => !line.startsWith("npm "));
    expect(
      ours.filter((line) => /error|warn|fail|^\s+at /i.test(line)).filter((line) => !line.includes("failed_tasks: 0")),
    ).toEqual([]);

    const destination = await startDestination();
    const client = new PlayedRelay(relay.url, "local-admin-token");
    await client.post("/api/destinations", { url: destination.url }, z.unknown());
    const payload = makePayload("v1/transactions");
    const { httpStatus } = await client.webhook(await sign(payload, "local-business-secret"));
    expect(httpStatus).toBe(200);
    await untilSettled(client, 10_000);
    expect([...destination.accepted().keys()]).toEqual([payload.id]);

    relay.signal("SIGTERM");
    expect(await relay.gone(10_000)).toBe(true);
  });

  it("leaves variables alone that are there, says what is wrong with them, and uses them", async () => {
    const relay = await freshCopy();
    writeFileSync(relay.path(".dev.vars"), "QONTO_WEBHOOK_SECRETS=mine\nSIGNATURE_TOLERANCE_SECONDS=100000\n");
    appendFileSync(relay.path("wrangler.toml"), '\n[vars]\nMAX_BODY_BYTES = "0"\n');
    await relay.start();
    expect(relay.output).toContain(
      "In .dev.vars: SIGNATURE_TOLERANCE_SECONDS must be a whole number from 1 to 86400. " +
        "In wrangler.toml: MAX_BODY_BYTES must be a whole number from 1 to 1400000. Nothing was started.",
    );
    expect(relay.exitCode).toBe(1);
    const variables = "QONTO_WEBHOOK_SECRETS=mine,also-mine#2\nADMIN_TOKEN=my-token\nMAX_BODY_BYTES=2000\n";
    writeFileSync(relay.path(".dev.vars"), variables);
    await relay.start();
    expect(relay.output).toContain("QONTO_WEBHOOK_SECRETS in .dev.vars is cut at its #");
    expect(relay.output).toContain("In .dev.vars: ADMIN_TOKEN is too short: it must have at least 32 characters.");
    expect(readFileSync(relay.path(".dev.vars"), "utf8")).toBe(variables);
    const client = new PlayedRelay(relay.url, "my-token");
    expect((await client.webhook(await sign(makePayload("v1/cards"), "also-mine"))).httpStatus).toBe(200);
    expect((await client.webhook(await sign(makePayload("v1/cards"), "local-business-secret"))).httpStatus).toBe(401);
    const large = makePayload("v1/cards", { data: { padding: "x".repeat(2_000) } });
    expect((await client.webhook(await sign(large, "mine"))).body.code).toBe("body_too_large");
    relay.interrupt();
    expect(await relay.gone(10_000)).toBe(true);
  });

  it("says so when its port is taken, and leaves nothing behind", async () => {
    const relay = await freshCopy();
    const squatter = net.createServer().listen(relay.port, "127.0.0.1");
    cleanUps.push(() => squatter.close());
    await relay.start();
    expect(relay.output).toContain(`Port ${relay.port} is taken`);
    expect(relay.output).not.toMatch(/^\s+at /m);
    expect(relay.exitCode).toBe(1);
    expect(await relay.gone(5_000)).toBe(true);
  });

  it("serves an edit of the source, and refuses a second start on its state", async () => {
    const relay = await freshCopy();
    await relay.start();
    const second = await relay.startBeside(await freePort());
    expect(second).toEqual({
      code: 1,
      output: `Another relay is running on the state in ${relay.path(".wrangler/state")}. Stop it first.\n`,
    });

    appendFileSync(relay.path("src/console/assets/style.css"), "/* edited */");
    const readStyle = async () => (await fetch(`${relay.url}/console/style.css`)).text();
    await vi.waitFor(async () => expect(await readStyle()).toContain("/* edited */"), { timeout: 30_000 });
    // What is no Worker any more is said, and cured by the next edit.
    const module = relay.path("src/receive/route.ts");
    const whole = readFileSync(module, "utf8");
    appendFileSync(module, "(");
    await vi.waitFor(() => expect(relay.output).toMatch(/src.receive.route\.ts/), { timeout: 30_000 });
    expect(await readStyle()).toContain("/* edited */");
    // So is one that ends as soon as it begins.
    writeFileSync(module, `${whole}\nthrow new Error("It does not begin");\n`);
    await vi.waitFor(() => expect(relay.output).toContain("It does not begin"), { timeout: 30_000 });
    writeFileSync(module, whole);
    await vi.waitFor(async () => expect(await readStyle()).toContain("/* edited */"), { timeout: 30_000 });
  });

  it("takes webhooks while and after clients hang up in the middle of a body, also while its source is edited", async () => {
    const relay = await freshCopy();
    await relay.start();
    const destination = await startDestination();
    const client = new PlayedRelay(relay.url, "local-admin-token");
    await client.post("/api/destinations", { url: destination.url }, z.unknown());
    const ids: string[] = [];
    const take = async () => {
      const payload = makePayload("v1/transactions");
      ids.push(payload.id);
      return (await client.webhook(await sign(payload, "local-business-secret"))).httpStatus;
    };
    const hangUps = () => Promise.all(Array.from({ length: 50 }, () => hangUp(relay.port)));
    const [during] = await Promise.all([take(), hangUps()]);
    expect([during, await take()]).toEqual([200, 200]);

    appendFileSync(relay.path("src/console/assets/style.css"), "/* edited */");
    await hangUps();
    const readStyle = async () => (await fetch(`${relay.url}/console/style.css`)).text();
    await vi.waitFor(async () => expect(await readStyle()).toContain("/* edited */"), { timeout: 30_000 });
    await hangUps();
    expect(await take()).toBe(200);
    await untilSettled(client, 10_000);
    expect([...destination.accepted().keys()].toSorted()).toEqual(ids.toSorted());
  });

  it("delivers after kill -9 and another start whatever was acknowledged before, without waiting for a lease", async () => {
    const relay = await freshCopy();
    await relay.start();
    // A request in flight when the relay is killed has no answer: it is not delivered.
    let answers = false;
    const destination = await startDestination(() => (answers ? 200 : 0));
    const client = new PlayedRelay(relay.url, "local-admin-token");
    await client.post("/api/destinations", { url: destination.url }, z.unknown());
    const acknowledged: string[] = [];
    const burst = Array.from({ length: 60 }, async () => {
      const payload = makePayload("v1/transactions");
      const { httpStatus } = await client.webhook(await sign(payload, "local-business-secret"));
      if (httpStatus === 200) acknowledged.push(payload.id);
    });
    await Promise.allSettled(burst);
    relay.killAll();
    expect(await relay.gone(5_000)).toBe(true);
    expect(acknowledged).toHaveLength(60);
    expect(destination.accepted().size).toBe(0);

    answers = true;
    await relay.start();
    // By the cron's first run, which comes before the relay is ready.
    expect(relay.output).toMatch(/requeued_events: [1-9]|drained_destinations: 1/);
    const events = await untilSettled(new PlayedRelay(relay.url, "local-admin-token"), 60_000);
    expect(events.map(({ state }) => state)).toEqual(Array(60).fill("settled"));
    expect(acknowledged.filter((id) => !destination.accepted().has(id))).toEqual([]);
  });

  it("ends every process when its server alone is killed, or npm, and starts again", async () => {
    const relay = await freshCopy();
    await relay.start();
    const server = relay.processes("node src/local/start.ts");
    expect(server).toHaveLength(1);
    relay.killAll(server);
    expect(await relay.gone(10_000)).toBe(true);
    await relay.start();
    expect((await fetch(`${relay.url}/health`)).status).toBe(200);
    relay.signal("SIGKILL");
    expect(await relay.gone(10_000)).toBe(true);
  });

  it("ends when npm is killed before it is ready", async () => {
    const relay = await freshCopy();
    const started = relay.start();
    await vi.waitFor(() => expect(relay.processes("node src/local/start.ts")).not.toEqual([]), { timeout: 30_000 });
    relay.signal("SIGKILL");
    await started;
    expect(await relay.gone(30_000)).toBe(true);
  });
});
