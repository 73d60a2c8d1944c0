import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { Fault } from "../fault.ts";
import { tryParseLosslessly } from "../network.ts";
import { printableLines } from "../output.ts";
import type { Environment } from "../terminal.ts";
import type { Run, Wrangler } from "./wrangler-runs.ts";

const named = z.array(z.object({ name: z.string() }));

/** What wrangler writes down for programs to read: a line of JSON for each thing that it did. */
const deployed = z.object({ type: z.literal("deploy"), targets: z.array(z.string()) });

interface Queue {
  readonly name: string;
  readonly jurisdiction: string | undefined;
}

/** The account at Cloudflare. Its words are those of wrangler, whose version is pinned. */
export class Cloudflare {
  readonly #wrangler: Wrangler;
  readonly #env: Environment;

  constructor(wrangler: Wrangler, env: Environment) {
    this.#wrangler = wrangler;
    this.#env = env;
  }

  async requireLogin(): Promise<void> {
    // A token need not be allowed to ask whose it is.
    if (this.#env["CLOUDFLARE_API_TOKEN"]) return;
    const run = await this.#wrangler.run(["whoami", "--json"]);
    if (run.succeeded) return;
    if (!/"loggedIn":\s*false/.test(run.stdout)) throw failure("Cloudflare did not say who is logged in.", run);
    throw new Fault("Nobody is logged in to Cloudflare.", {
      remedy: "Log in with `npx wrangler login`, or put an API token into CLOUDFLARE_API_TOKEN; then run this again.",
    });
  }

  /** Null when there is none of this name. */
  async findQueue(name: string): Promise<Queue | null> {
    const run = await this.#wrangler.run(["queues", "info", name]);
    if (run.succeeded) return { name, jurisdiction: /^Jurisdiction: (.+)$/m.exec(run.stdout)?.[1] };
    if (run.output.includes(`Queue "${name}" does not exist`)) return null;
    throw failure("The queues could not be looked up.", run);
  }

  async createQueue(name: string, jurisdiction: string): Promise<void> {
    await this.#do(["queues", "create", name, "--jurisdiction", jurisdiction], `The queue ${name} was not created.`);
  }

  async hasDatabase(name: string): Promise<boolean> {
    const otherwise = "The databases could not be looked up.";
    return namesIn(await this.#do(["d1", "list", "--json"], otherwise), otherwise).includes(name);
  }

  async createDatabase(name: string, jurisdiction: string): Promise<void> {
    await this.#do(["d1", "create", name, "--jurisdiction", jurisdiction], `The database ${name} was not created.`);
  }

  /** Those of the migrations that the database lacks. To ask is to make the empty table that lists them, if there is none. */
  async pendingMigrations(binding: string, migrations: readonly string[]): Promise<string[]> {
    const { output } = await this.#do(
      ["d1", "migrations", "list", binding, "--remote"],
      "The migrations could not be looked up.",
    );
    return migrations.filter((migration) => output.includes(migration));
  }

  /** Applies those of the migrations that the database lacks, and says which. */
  async applyMigrations(binding: string, migrations: readonly string[]): Promise<string[]> {
    const { output } = await this.#do(
      ["d1", "migrations", "apply", binding, "--remote"],
      "The migrations could not be applied; nothing was deployed.",
    );
    return migrations.filter((migration) => output.includes(migration));
  }

  /** Deploys the Worker, and says by what it is reached: addresses, queues, schedules. */
  async deploy(): Promise<string[]> {
    const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-deploy-"));
    const record = path.join(directory, "record");
    try {
      await this.#do(["deploy"], "The deployment did not come to its end.", { WRANGLER_OUTPUT_FILE_PATH: record });
      const lines = readFileSync(record, "utf8").trim().split("\n");
      return lines.flatMap((line) => deployed.safeParse(JSON.parse(line)).data?.targets ?? []);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  /** Builds what would be deployed. */
  async build(): Promise<void> {
    await this.#do(["deploy", "--dry-run"], "The Worker cannot be built.");
  }

  /** Names of the secrets that are set; none while there is no Worker. */
  async secrets(): Promise<string[]> {
    const run = await this.#wrangler.run(["secret", "list"]);
    if (!run.succeeded && /Worker ".+" not found/.test(run.output)) return [];
    const otherwise = "The secrets could not be looked up.";
    if (!run.succeeded) throw failure(otherwise, run);
    return namesIn(run, otherwise);
  }

  async #do(command: readonly string[], otherwise: string, environment?: Record<string, string>): Promise<Run> {
    const run = await this.#wrangler.run(command, environment);
    if (!run.succeeded) throw failure(otherwise, run);
    return run;
  }
}

function namesIn(run: Run, otherwise: string): string[] {
  const list = named.safeParse(tryParseLosslessly(run.stdout));
  if (!list.success) throw failure(otherwise, run);
  return list.data.map(({ name }) => name);
}

function failure(message: string, { output }: Run): Fault {
  return new Fault(message, { remedy: printableLines(output) });
}
