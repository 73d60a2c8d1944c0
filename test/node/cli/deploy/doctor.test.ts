import { Readable, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeDeployment } from "../../../../src/cli/commands/doctor/checks/relay.ts";
import { accessToCloudflare } from "../../../../src/cli/commands/doctor/doctor.ts";
import { beginInvocation } from "../../../../src/cli/context.ts";
import { ACCOUNT, TOKEN } from "../../support/cloudflare-server/cloudflare-server.ts";
import { Scene } from "./scene.ts";

let scene: Scene;

beforeEach(() => {
  scene = new Scene();
});

afterEach(() => scene.stop());

function access(env: Readonly<Record<string, string>>) {
  const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
  const streams = { stdin: Readable.from([]), stdout: nowhere, stderr: nowhere };
  const signal = new AbortController().signal;
  const directories = { workingDirectory: "/nowhere", directory: "/nowhere" };
  // Only what is cut short waits: nothing is late.
  const wait = (_ms: number, end?: AbortSignal) =>
    new Promise<never>((_, reject) => end?.addEventListener("abort", reject));
  const world = { fetch: scene.cloudflare.fetch, wait };
  return accessToCloudflare(beginInvocation({ env, ...streams, ...directories, interrupt: signal, world }, signal));
}

async function look() {
  const cloudflare = access(scene.cloudflare.environment);
  if (!("thing" in cloudflare)) throw new Error(cloudflare.why);
  return judgeDeployment(await cloudflare.thing());
}

describe("with a token of the account, the doctor", () => {
  it("finds a deployment whole", async () => {
    await scene.deploy();
    expect(await look()).toMatchObject({ outcome: "passed", notes: [] });
  });

  it("names queues outside of the EU, with the way out, and a cron that is not set", async () => {
    await scene.deploy();
    const account = scene.cloudflare.account();
    account.queues.delete("qonto-relay-dead-letters");
    scene.cloudflare.addQueue("qonto-relay-dead-letters");
    const script = account.scripts.get("qonto-relay");
    if (script !== undefined) script.schedules = [];
    const result = await look();
    expect(result).toMatchObject({
      outcome: "failed",
      findings: [
        {
          fault: "queue_outside_jurisdiction",
          seen: expect.stringContaining("npx wrangler queues delete qonto-relay-dead-letters"),
        },
        { fault: "deployment_incomplete", seen: expect.stringContaining("its cron (* * * * *)") },
      ],
    });
  });

  it("says which permission it lacks to look, and that there is no such Worker", async () => {
    expect(await look()).toMatchObject({
      outcome: "skipped",
      enable: expect.stringContaining("CLOUDFLARE_ACCOUNT_ID"),
    });
    scene.cloudflare.addToken(TOKEN, { accounts: [ACCOUNT], queues: "none" });
    expect(await look()).toMatchObject({ outcome: "skipped", enable: "Give the token Queues:Read." });
  });
});

it("without a token the doctor says how to have it looked at", () => {
  expect(access({})).toMatchObject({ enable: "Set CLOUDFLARE_API_TOKEN." });
});
