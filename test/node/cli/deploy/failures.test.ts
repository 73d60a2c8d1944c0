import { expect, it } from "vitest";
import type { Failure } from "../../support/cloudflare-server/failures.ts";
import { Scene } from "./scene.ts";

/** Every call of a first deployment, wrangler's among them, goes wrong in every way. */

const failures: readonly Failure[] = [
  "refused_before",
  "refused_after",
  "lost_after",
  "reset",
  "hang",
  "rate_limited",
  "garbage",
];

async function callsOfDeployment(): Promise<number> {
  const scene = new Scene();
  try {
    expect((await scene.deploy()).code).toBe(0);
    return scene.cloudflare.calls.length;
  } finally {
    await scene.stop();
  }
}

it.each(failures)(
  "each call that is %s ends in success or one clear sentence, and the next run completes",
  async (failure) => {
    const calls = await callsOfDeployment();
    expect(calls).toBeGreaterThan(40);
    for (let call = 1; call <= calls; call += 1) {
      const scene = new Scene();
      try {
        scene.cloudflare.fail(call, failure);
        const first = await scene.deploy();
        const failed = scene.cloudflare.calls[call - 1];
        const name = `call ${call} ${failure}: ${failed?.method} ${failed?.path}\n${first.stdout}\n${first.stderr}`;
        if (first.code === 0) expect(first.stderr, name).toBe("");
        else expectClear(first.stderr, name);
        const second = await scene.deploy();
        expect(second, name).toMatchObject({ code: 0, stderr: "" });
        expect(first.stdout + second.stdout, name).toContain(`ADMIN_TOKEN=${scene.secrets()["ADMIN_TOKEN"]}`);
        expect(await scene.deploy(["--status"]), name).toMatchObject({ code: 0, stderr: "" });
      } finally {
        await scene.stop();
      }
    }
  },
);

it("says after 20 s what it waits for, and waits for no call for ever", async () => {
  const scene = new Scene();
  try {
    const startedAt = scene.now();
    scene.cloudflare.fail({ path: /queues$/, times: Infinity }, "hang");
    const { code, stdout, stderr } = await scene.deploy();
    expect(stdout).toContain("\nStill waiting for Cloudflare, 20 s by now: what is there …\n");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Queues could not be looked up: no answer in time\./)]);
    expect(scene.now() - startedAt).toBeLessThan(120_000);
  } finally {
    await scene.stop();
  }
});

it("says of wrangler, too, what it waits for, and ends it", async () => {
  const scene = new Scene();
  try {
    const startedAt = scene.now();
    scene.cloudflare.fail({ method: "PUT", path: /scripts\/qonto-relay$/, times: Infinity }, "hang");
    const { code, stdout, stderr } = await scene.deploy();
    expect(stdout).toContain("\nStill waiting for Cloudflare, 20 s by now: the Worker is to be deployed …\n");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^The Worker was not deployed: It took too long.* Nothing was uploaded/),
    ]);
    expect(scene.now() - startedAt).toBeLessThan(300_000);
  } finally {
    await scene.stop();
  }
});

it("keeps what Cloudflare and wrangler said for who wants to read it", async () => {
  const scene = new Scene();
  try {
    scene.cloudflare.fail({ method: "PUT", path: /scripts\/qonto-relay$/, times: Infinity }, "refused_before");
    const { stderr } = await scene.deploy();
    expect(stderr).toContain("What Cloudflare and wrangler said is in .wrangler/deploy.log");
    expect(scene.log()).toContain("[ERROR]");
    expect(scene.log()).not.toContain("ADMIN_TOKEN=");
    expect((await scene.deploy(["--verbose"])).stderr).toContain("[ERROR]");
  } finally {
    await scene.stop();
  }
});

function expectClear(stderr: string, name: string): void {
  const lines = stderr.trim().split("\n");
  expect(lines.length, name).toBeLessThanOrEqual(3);
  expect(lines[0], name).toMatch(/^[A-Z].*[.]$/);
  expect(stderr, name).toMatch(/[Rr]un it again/);
  expect(stderr, name).not.toMatch(/^\s+at |Error:/m);
}
