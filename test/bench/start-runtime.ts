import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { z } from "zod";
import { compatibility } from "./configuration.ts";
import { processorMs } from "./processor-time.ts";
import { ADMIN_TOKEN, SECRET } from "./served-worker.ts";
import { removeDirectory, temporaryDirectory } from "./temporary-directory.ts";

export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The expected status. */
  readonly status: number;
}

export interface Start {
  /** Processor time and time on the clock, from the start of the process to its last answer. */
  readonly processorMs: number;
  readonly ms: number;
}

/** The binary itself: without the install script, the package's command is a script that passes no pipes on. */
const { default: program } = z.object({ default: z.string() }).parse(createRequire(import.meta.url)("workerd"));

const signals = ["SIGINT", "SIGTERM"] as const;

const STARTED_WITHIN_MS = 30_000;

/** Starts a process with one Worker and no store, sends requests, and ends it. */
export async function measureStart(script: string, asked: readonly Asked[]): Promise<Start> {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, "worker.js"), script);
  writeFileSync(path.join(directory, "config.capnp"), configuration());
  const startedAt = performance.now();
  const runtime = spawn(program, ["serve", path.join(directory, "config.capnp"), "--control-fd=3"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const ended = once(runtime, "exit");
  // Without Miniflare a signal would end this process before it cleans up.
  const leave = () => process.exit(1);
  for (const signal of signals) process.once(signal, leave);
  try {
    const port = await readPort(runtime.stdio[3] as Readable);
    for (const { method, path, status } of asked) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        signal: AbortSignal.timeout(STARTED_WITHIN_MS),
      });
      await response.arrayBuffer();
      if (response.status !== status) throw new Error(`${path} answered ${response.status}, not ${status}`);
    }
    return { processorMs: processorMs(runtime.pid), ms: performance.now() - startedAt };
  } finally {
    runtime.kill("SIGKILL");
    await ended;
    removeDirectory(directory);
    for (const signal of signals) process.off(signal, leave);
  }
}

const listening = z.object({ event: z.literal("listen"), port: z.number() });

async function readPort(control: Readable): Promise<number> {
  const lines = createInterface({ input: control, signal: AbortSignal.timeout(STARTED_WITHIN_MS) });
  for await (const line of lines) {
    const message = listening.safeParse(JSON.parse(line));
    if (message.success) return message.data.port;
  }
  throw new Error("The runtime ended, or took too long, before it listened.");
}

function configuration(): string {
  const { date, flags } = compatibility();
  const variables = { ADMIN_TOKEN, QONTO_WEBHOOK_SECRETS: SECRET, ALLOW_PRIVATE_DESTINATIONS: "true" };
  const bindings = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = "${text}")`);
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "relay", worker = (
        modules = [(name = "worker.js", esModule = embed "worker.js")],
        compatibilityDate = "${date}",
        compatibilityFlags = ${JSON.stringify(flags)},
        bindings = [${bindings.join(", ")}],
      ))],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "relay")],
    );`;
}
