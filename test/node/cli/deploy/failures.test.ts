import { expect, it } from "vitest";
import { TOKEN } from "../../support/cloudflare-server/cloudflare-server.ts";
import type { Failure } from "../../support/cloudflare-server/failures.ts";
import { Scene } from "./scene.ts";

/** Every call of a first deployment fails in every way, wrangler's calls too. */

const failures: readonly Failure[] = [
  "refused_before",
  "refused_after",
  "lost_after",
  "reset",
  "hang",
  "rate_limited",
  "garbage",
];

/** How many calls a deployment of this scene makes. */
async function callsOf(begin: (scene: Scene) => Promise<unknown>): Promise<number> {
  const scene = new Scene();
  try {
    await begin(scene);
    const before = scene.cloudflare.calls.length;
    expect((await scene.deploy()).code).toBe(0);
    return scene.cloudflare.calls.length - before;
  } finally {
    await scene.stop();
  }
}

async function failEach(failure: Failure, begin: (scene: Scene) => Promise<unknown>): Promise<void> {
  const calls = await callsOf(begin);
  expect(calls).toBeGreaterThan(40);
  for (let call = 1; call <= calls; call += 1) {
    const scene = new Scene();
    try {
      await begin(scene);
      const live = scene.liveVersion();
      const before = scene.cloudflare.calls.length;
      scene.cloudflare.fail(call, failure);
      const first = await scene.deploy();
      const failed = scene.cloudflare.calls[before + call - 1];
      const name = `call ${call} ${failure}: ${failed?.method} ${failed?.path}\n${first.stdout}\n${first.stderr}`;
      if (first.code === 0) {
        expect(first.stderr, name).toBe("");
        expect(scene.liveVersion(), name).not.toBe(live);
        expect(await scene.deploy(["--status"]), name).toMatchObject({ code: 0, stderr: "" });
      } else {
        expectClear(first.stderr, name);
        if (first.stderr.includes("The Worker was not deployed")) expect(scene.liveVersion(), name).toBe(live);
        if (first.stderr.includes("The Worker is live")) expect(scene.liveVersion(), name).not.toBe(live);
      }
      const second = await scene.deploy();
      expect(second, name).toMatchObject({ code: 0, stderr: "" });
      expect(await scene.deploy(["--status"]), name).toMatchObject({ code: 0, stderr: "" });
      expect(tokenIsKnown(scene, first.stdout + second.stdout), name).toBe(true);
    } finally {
      await scene.stop();
    }
  }
}

/** No secret is set that was not shown. */
function tokenIsKnown(scene: Scene, told: string): boolean {
  const { ADMIN_TOKEN = "" } = scene.secrets();
  return ADMIN_TOKEN === GIVEN || told.includes(`ADMIN_TOKEN=${ADMIN_TOKEN}`);
}

const GIVEN = "a-token-of-more-than-thirty-two-characters";

it.each(failures)(
  "a first deployment, each call of which is %s in turn: success or one clear sentence, then completed",
  (failure) => failEach(failure, async () => undefined),
);

it.each(["refused_before", "lost_after", "hang"] as const)(
  "an update, each call of which is %s in turn: the same",
  (failure) => failEach(failure, (scene) => scene.deploy([], { env: { ADMIN_TOKEN: GIVEN } })),
);

it("says after 20 s what it waits for, and waits for no call for ever", async () => {
  const scene = new Scene();
  try {
    const startedAt = scene.now();
    scene.cloudflare.fail({ path: /queues$/, times: Infinity }, "hang");
    const { code, stdout, stderr } = await scene.deploy();
    expect(stdout).toContain("\nStill waiting after 20 s: looking at what is there …\n");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Queues could not be looked up: no answer in time\./)]);
    expect(scene.now() - startedAt).toBeLessThan(120_000);
  } finally {
    await scene.stop();
  }
});

it("says after 20 s that it waits for wrangler, and ends it after its time limit", async () => {
  const scene = new Scene();
  try {
    const startedAt = scene.now();
    scene.cloudflare.fail({ method: "PUT", path: /scripts\/qonto-relay$/, times: Infinity }, "hang");
    const { code, stdout, stderr } = await scene.deploy();
    expect(stdout).toContain("\nStill waiting after 20 s: deploying the Worker …\n");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^The Worker was not deployed: It took too long.* Nothing was uploaded/),
    ]);
    expect(scene.now() - startedAt).toBeLessThan(300_000);
  } finally {
    await scene.stop();
  }
});

it("looks whether a change was made when its answer is lost", async () => {
  for (const path of [/queues$/, /d1\/database$/]) {
    const scene = new Scene();
    try {
      scene.cloudflare.fail({ method: "POST", path }, "lost_after");
      expect(await scene.deploy()).toMatchObject({ code: 0, stderr: "" });
    } finally {
      await scene.stop();
    }
  }
});

it("says that it does not know when the look fails, too", async () => {
  const scene = new Scene();
  try {
    const { applied } = scene.cloudflare.fail({ method: "POST", path: /queues$/ }, "lost_after");
    void applied.then(() => scene.cloudflare.fail({ method: "GET", path: /queues$/, times: Infinity }, "garbage"));
    const { code, stderr } = await scene.deploy();
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^Whether the queue qonto-relay-events was created, Cloudflare does not say: status 502\.\nRun it again/,
      ),
    ]);
  } finally {
    await scene.stop();
  }
});

it.each([
  [
    { method: "PUT", path: /consumers/, times: Infinity },
    /^The Worker is live, but not all of its settings were changed: /,
  ],
  [
    { method: "POST", path: /scripts\/qonto-relay\/deployments$/, times: Infinity },
    /^The Worker was not deployed: .* What was deployed before runs on\./,
  ],
  [
    { method: "GET", path: /scripts\/qonto-relay\/deployments$/, times: Infinity },
    /^Workers Scripts could not be looked up: /,
  ],
  [
    { method: "PUT", path: /schedules$/, times: Infinity },
    /^The Worker is live, but not all of its settings were changed: /,
  ],
])("does not report an incomplete update as done: %o", async (when, says) => {
  const scene = new Scene();
  try {
    await scene.deploy();
    scene.cloudflare.fail(when, "refused_before");
    const { code, stderr } = await scene.deploy();
    expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
  } finally {
    await scene.stop();
  }
});

it("says that shown secrets may change in the next run", async () => {
  const scene = new Scene();
  try {
    scene.cloudflare.fail({ method: "PUT", path: /scripts\/qonto-relay$/, times: Infinity }, "refused_before");
    const { stderr } = await scene.deploy();
    expect(stderr).toMatch(
      /Nothing was uploaded\. Keep the secrets shown above until a run succeeds: the next one may make others\./,
    );
  } finally {
    await scene.stop();
  }
});

it("writes what Cloudflare and wrangler said into a log, without secrets", async () => {
  const scene = new Scene();
  try {
    scene.cloudflare.fail({ method: "PUT", path: /scripts\/qonto-relay$/, times: Infinity }, "refused_before");
    const { stdout, stderr } = await scene.deploy();
    expect(stderr).toContain("What Cloudflare and wrangler said is in .wrangler/deploy.log");
    expect(scene.log()).toContain("[ERROR]");
    const shown = Array.from(stdout.matchAll(/(?:ADMIN_TOKEN|ENCRYPTION_KEYS)=(\S+)/g), ([, secret = ""]) => secret);
    expect(shown).toHaveLength(2);
    for (const secret of [...shown, TOKEN]) expect(scene.log()).not.toContain(secret);
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

it("says that a redirect is not followed, and does not ask again", async () => {
  const scene = new Scene();
  try {
    scene.cloudflare.fail({ path: /./, times: Infinity }, "redirected");
    const { code, stderr } = await scene.deploy();
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^Cloudflare's API cannot be used: the answer is a redirect \(status 307\), which is not followed\.\n/,
      ),
    ]);
    expect(scene.cloudflare.calls).toHaveLength(1);
  } finally {
    await scene.stop();
  }
});
