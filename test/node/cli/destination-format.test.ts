import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServedWorker } from "../../bench/served-worker.ts";
import { qonto } from "./qonto-program.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { environmentOf, serveRelay } from "./served-relay.ts";

/** Formats and previews from the command line, against a relay on real D1 and queues. */

const receiver = new ScriptedServer();
const folder = mkdtempSync(path.join(tmpdir(), "qonto-relay-formats-"));
const file = path.join(folder, "chat.mustache");
let relay: ServedWorker;
let environment: Record<string, string>;

beforeAll(async () => {
  relay = await serveRelay();
  await receiver.start();
  environment = environmentOf(relay);
});

afterAll(async () => {
  await relay?.stop();
  await receiver.stop();
  rmSync(folder, { recursive: true });
});

async function json(...commandLine: string[]): Promise<any> {
  const { code, stdout, stderr } = await qonto([...commandLine, "--json"], environment);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

const text = async (...commandLine: string[]) => (await qonto(commandLine, environment)).stdout;

describe("the format of a destination", () => {
  it("is set by its name, and by a template's file", async () => {
    const slack = await json("destinations", "create", `${receiver.url}/slack`, "--format", "slack");
    expect(slack).toMatchObject({ format: "slack", template: null, max_per_second: 1 });
    writeFileSync(file, '{"text": "{{relay.summary}}"}\n');
    const changed = await json("destinations", "update", slack.id, "--template", file);
    expect(changed).toMatchObject({ format: "template", template: '{"text": "{{relay.summary}}"}\n' });
    expect(await text("destinations", "show", slack.id)).toMatch(/format +template\n(.|\n)*relay\.summary/);
    const refused = await qonto(["destinations", "update", slack.id, "--format", "xml"], environment);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("format");
    const missing = await qonto(["destinations", "update", slack.id, "--template", `${file}.none`], environment);
    expect(missing.stderr).toContain("cannot be read (ENOENT)");
  });

  it("is previewed without a change", async () => {
    const { id } = await json("destinations", "create", `${receiver.url}/preview`, "--types", "v1/cards", "--paused");
    await json("send", "v1/cards");
    await json("send", "v1/clients");
    const shown = await json("destinations", "preview", id, "--format", "slack");
    expect(shown).toMatchObject({ matched: 1, filtered: 1, rendered: { sample: false, type: "v1/cards" } });
    const told = await text("destinations", "preview", id, "--format", "cloudevents");
    expect(told).toContain("Of the newest 2 events 1 would be sent, 1 would not.\n  1 by types\n");
    expect(told).toContain('"specversion":"1.0"');
    expect(await json("destinations", "show", id)).toMatchObject({ format: "qonto" });
  });

  it("whose template fails for an event is a fault", async () => {
    const { id } = await json("destinations", "create", `${receiver.url}/fault`, "--types", "v1/transactions");
    writeFileSync(file, '{"a": {{data.amount}}');
    const refused = await qonto(["destinations", "preview", id, "--template", file], environment);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "template: cannot be used for v1/transactions: line 1, column 22: no JSON at its end",
    );
  });
});
