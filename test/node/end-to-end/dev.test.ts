import { appendFileSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { freePort } from "../../demo/free-port.ts";
import { LocalRelay } from "./local-relay.ts";

const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function startDev(): Promise<LocalRelay> {
  const relay = new LocalRelay(await freePort());
  cleanUps.push(() => relay.remove());
  await relay.start("dev");
  return relay;
}

const testsOf = (relay: LocalRelay) => relay.output.split("\n").filter((line) => line.startsWith("tests │ "));

/** Waits until a run of the tests prints this. */
const tested = (relay: LocalRelay, says: RegExp) =>
  vi.waitFor(() => expect(testsOf(relay).join("\n")).toMatch(says), { timeout: 90_000, interval: 100 });

it("npm run dev serves, runs the tests that depend on a changed file, and ends every process on Ctrl-C", async () => {
  const relay = await startDev();
  expect((await fetch(`${relay.url}/health`)).status).toBe(200);
  expect(relay.output).toMatch(/^relay │ /m);
  expect(testsOf(relay)).toEqual([]);

  appendFileSync(relay.path("test/chaos/accounting.ts"), "// edited\n");
  await tested(relay, /Changed: test\/chaos\/accounting\.ts/);
  await tested(relay, /✓.* test\/node\/chaos\/accounting\.test\.ts/);

  appendFileSync(relay.path("test/node/chaos/accounting.test.ts"), 'it("fails", () => expect(1).toBe(2));\n');
  await tested(relay, /FAIL.* test\/node\/chaos\/accounting\.test\.ts/);

  appendFileSync(relay.path("src/domain/hold.ts"), "// edited\n");
  await tested(relay, /Changed: .*accounting\.test\.ts, src\/domain\/hold\.ts/);
  relay.interrupt();
  expect(await relay.gone(30_000)).toBe(true);
}, 240_000);

it("npm run dev ends every process when npm is killed while tests run", async () => {
  const relay = await startDev();
  appendFileSync(relay.path("src/domain/hold.ts"), "// edited\n");
  await tested(relay, /RUN/);
  relay.signal("SIGKILL");
  expect(await relay.gone(30_000)).toBe(true);
});
