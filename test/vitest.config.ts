import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { type Plugin, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { ADMIN_TOKEN } from "./support/admin-token.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Imports the assets of the console as text, as the Worker does. */
const consoleAssets: Plugin = {
  name: "console-assets",
  enforce: "pre",
  load: (id) =>
    id.startsWith(path.join(root, "src/console/assets/"))
      ? `export default ${JSON.stringify(readFileSync(id, "utf8"))};`
      : null,
};

/** Each takes ten seconds or more. They start first, so that none is left alone at the end. */
const long = [
  "browser/console",
  "node/end-to-end/start",
  "node/end-to-end/dev",
  "node/end-to-end/connected",
  "node/bench/bench",
  "node/end-to-end/doctor",
  "node/cli/deploy/played-wrangler",
  "node/cli/deploy/real-wrangler",
  "simulation/simulation",
  "simulation/deliberate-faults",
  "worker/faults-of-others/delivery",
  "worker/retry/open-circuit",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? long.length : index;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is Vitest's, of its own order
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  root,
  test: {
    silent: "passed-only",
    // Much of the time is waiting, for servers to start and for timeouts.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        root,
        plugins: [
          consoleAssets,
          cloudflareTest(async () => ({
            wrangler: { configPath: path.join(root, "wrangler.toml") },
            miniflare: {
              bindings: {
                MIGRATIONS: await readD1Migrations(path.join(root, "migrations")),
                QONTO_WEBHOOK_SECRETS: "test-secret",
                QONTO_ONBOARDING_SECRETS: "secret_key",
                ADMIN_TOKEN,
                ALLOW_PRIVATE_DESTINATIONS: "false",
              },
            },
          })),
        ],
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.{ts,tsx}"],
          // One runtime serves all files of a worker. Each file begins with an empty database.
          isolate: false,
          setupFiles: ["test/worker/support/begin-file.ts"],
          // No test waits in real time: only a very busy machine comes near these.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        plugins: [consoleAssets],
        test: {
          name: "node",
          include: ["test/{node,simulation}/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
          // For the processes that tests start.
          env: { NODE_COMPILE_CACHE: path.join(root, ".wrangler/compile-cache") },
        },
      },
      {
        root,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
});
