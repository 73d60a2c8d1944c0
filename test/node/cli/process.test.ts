import { expect, it } from "vitest";
import { exampleEvent } from "../../../src/api/schemas/event.ts";
import { spawnQonto } from "./qonto-process.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** What only a process can show; everything else about the command line is tested within the tests' own. */

const TOKEN = { ADMIN_TOKEN: "token-never-to-be-shown" };
const vector = ["--header", "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"];

it("exits with the exit code of the command, also through npm", async () => {
  const direct = spawnQonto(["events", "lst"]);
  expect(await direct.ended).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Did you mean list?"),
  });
  const throughNpm = spawnQonto(["destinatons"], {}, ["npm", "run", "--silent", "qonto", "--"]);
  expect(await throughNpm.ended).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Did you mean destinations?"),
  });
});

it("reads standard input", async () => {
  const verifying = spawnQonto(["verify", ...vector, "--body", "-", "--secret", "test-secret", "--at", "1704110400"]);
  verifying.process.stdin.end('{"test":"data"}');
  expect(await verifying.ended).toMatchObject({ code: 0, stdout: "It matches (Business API, 0 s old).\n", stderr: "" });
});

it("ends quietly when its output is closed", async () => {
  const body = { data: [{ ...exampleEvent, state: "settled" }], next_cursor: null };
  const server = await new ScriptedServer(() => ({ body })).start();
  const tail = spawnQonto(["tail", "--since", "3d", "--url", server.url], TOKEN);
  tail.process.stdout.destroy();
  const { code, stderr } = await tail.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(Events are shown as they arrive\.\n)?$/)]);
  await server.stop();
});

it("exits with 130 and without output after Ctrl-C", async () => {
  const asked = Promise.withResolvers<void>();
  const server = await new ScriptedServer(() => {
    asked.resolve();
    return { hangs: true };
  }).start();
  const listing = spawnQonto(["events", "list", "--url", server.url], TOKEN);
  await asked.promise;
  listing.process.kill("SIGINT");
  expect(await listing.ended).toEqual({ code: 130, stdout: "", stderr: "" });
  await server.stop();
});

it("an error that nobody expected is one sentence, without a secret", async () => {
  const mistake = `data:text/javascript,crypto.randomUUID=()=>{throw new Error("No id for ${TOKEN.ADMIN_TOKEN}")}`;
  const sending = spawnQonto(["send", "v1/cards", "--to", "http://localhost:1", "--secret", TOKEN.ADMIN_TOKEN], {}, [
    process.execPath,
    "--import",
    mistake,
    "src/cli/qonto.ts",
  ]);
  expect(await sending.ended).toEqual({ code: 1, stdout: "", stderr: "Unexpected: Error: No id for [secret]\n" });
});
