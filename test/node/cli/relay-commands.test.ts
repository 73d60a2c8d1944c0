import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exampleDelivery } from "../../../src/api/schemas/delivery.ts";
import { exampleDestination, exampleTestResult } from "../../../src/api/schemas/destination.ts";
import { exampleEventDetail } from "../../../src/api/schemas/event.ts";
import type { ServedWorker } from "../../bench/served-worker.ts";
import { HttpServer } from "../../support/qonto-server/node/http-server.ts";
import { type Around, QontoProgram, qonto } from "./qonto-program.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { TOKEN, environmentOf, serveRelay } from "./served-relay.ts";

/** The commands against a relay on real D1 and queues. */

const receiver = new ScriptedServer();
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
});

async function json(...commandLine: string[]): Promise<any> {
  const { code, stdout, stderr } = await qonto([...commandLine, "--json"], environment);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

const lines = (program: QontoProgram) =>
  program.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("a request that makes something and whose answer is lost", () => {
  it("is sent once more under the same key, which no other request has", async () => {
    const keys: (string | null)[] = [];
    const losingTheFirst: typeof fetch = async (_input, init) => {
      keys.push(new Headers(init?.headers).get("idempotency-key"));
      if (keys.length === 1) throw new TypeError("fetch failed");
      return Response.json({ count: 1 }, { status: 202 });
    };
    const replay = () => qonto(["replay", "event", "e1"], { ADMIN_TOKEN: TOKEN }, { world: { fetch: losingTheFirst } });
    expect((await replay()).code).toBe(0);
    expect((await replay()).code).toBe(0);
    const [first, again, other] = keys;
    expect(keys).toHaveLength(3);
    expect(first).toMatch(/^[\da-f-]{36}$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe("a newer relay's fields, states and outcomes", () => {
  const environment = { ADMIN_TOKEN: TOKEN };
  const answering = (body: object): Around => ({ world: { fetch: async () => Response.json(body) } });
  const more = { newer: { field: 1 } };

  it("of a destination are shown with --json, and to a person", async () => {
    const newer = {
      ...exampleDestination,
      ...more,
      health: { ...exampleDestination.health, ...more, state: "recovering" },
    };
    const show = ["destinations", "show", newer.id];
    expect(JSON.parse((await qonto([...show, "--json"], environment, answering(newer))).stdout)).toEqual(newer);
    expect((await qonto(show, environment, answering(newer))).stdout).toContain("recovering");
    const page = { data: [newer], next_cursor: null };
    const { stdout } = await qonto(["destinations", "list", "--json"], environment, answering(page));
    expect(JSON.parse(stdout)).toEqual({ data: [newer] });
    const tested = { ...exampleTestResult, ...more, outcome: "throttled" };
    const test = await qonto(["destinations", "test", newer.id, "--json"], environment, answering(tested));
    expect([test.code, JSON.parse(test.stdout)]).toEqual([1, tested]);
  });

  it("of an event are shown with --json, and to a person", async () => {
    const [attempt] = exampleDelivery.attempts;
    const attempts = [{ ...attempt, ...more, outcome: "throttled" }];
    const deliveries = [{ ...exampleDelivery, ...more, status: "parked", attempts }];
    const newer = { ...exampleEventDetail, ...more, source: "cards", state: "parked", deliveries };
    const show = ["events", "show", newer.id];
    expect(JSON.parse((await qonto([...show, "--json"], environment, answering(newer))).stdout)).toEqual(newer);
    const { code, stdout } = await qonto(show, environment, answering(newer));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/parked[^]*throttled/)]);
  });
});

describe("destinations", () => {
  it("are created, shown, listed, changed, paused, resumed and removed", async () => {
    const settings = [
      "--description",
      "books",
      "--types",
      "v1/cards,registrations.*",
      "--retry-schedule",
      "1,1",
      "--max-per-second",
      "20",
      "--filter",
      '{"data.id": 1234567890123456789, "data.side": "credit"}',
    ];
    const created = await json("destinations", "create", `${receiver.url}/books`, ...settings);
    expect(created).toMatchObject({
      url: `${receiver.url}/books`,
      description: "books",
      types: ["v1/cards", "registrations.*"],
      retry_schedule_seconds: [1, 1],
      max_per_second: 20,
      secret: expect.stringMatching(/^whsec_/),
    });
    const { secret: _secret, ...shown } = created;
    const { stdout } = await qonto(["destinations", "show", created.id], environment);
    expect(stdout).toContain('{"data.id":1234567890123456789,"data.side":"credit"}');
    expect(await json("destinations", "show", created.id)).toEqual(shown);
    expect((await json("destinations", "list")).data).toContainEqual(shown);
    expect((await json("destinations", "list", "--limit", "1")).data).toHaveLength(1);

    const other = [
      "--types",
      "all",
      "--retry-schedule",
      "default",
      "--max-per-second",
      "none",
      "--filter",
      "none",
      "--endpoint",
      `${receiver.url}/b`,
    ];
    expect(await json("destinations", "update", created.id, ...other)).toMatchObject({
      url: `${receiver.url}/b`,
      description: "books",
      types: [],
      retry_schedule_seconds: null,
      max_per_second: null,
      filter: null,
    });
    expect(await json("destinations", "pause", created.id)).toMatchObject({
      enabled: false,
      health: { state: "paused" },
    });
    expect(await json("destinations", "resume", created.id)).toMatchObject({
      enabled: true,
      health: { state: "healthy" },
    });
    expect(await json("destinations", "delete", created.id)).toEqual({ id: created.id, deleted: true });
    expect(await qonto(["destinations", "show", created.id], environment)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `There is no such destination (404 not_found, ${relay.url}).\n`,
    });
  });

  it("get another secret, and a test; one that refuses it is a fault", async () => {
    const { id, secret } = await json("destinations", "create", `${receiver.url}/tested`, "--types", "v1/cards");
    const rotated = await json("destinations", "rotate-secret", id, "--overlap", "60");
    expect(rotated.secret).toMatch(/^whsec_/);
    expect(rotated.secret).not.toBe(secret);
    for (let round = 2; round <= 4; round += 1) await json("destinations", "rotate-secret", id);
    const tooMany = await qonto(["destinations", "rotate-secret", id], environment);
    expect([tooMany.code, tooMany.stdout]).toEqual([1, ""]);
    expect(tooMany.stderr).toMatch(/^Five secrets sign already\. .*\(409 too_many_rotations, /);
    expect(tooMany.stderr).toContain("--overlap 0");
    const { stdout: told } = await qonto(["destinations", "rotate-secret", id, "--overlap", "0"], environment);
    expect(told).toContain("deliveries are signed with this secret only.");
    expect(await json("destinations", "test", id)).toMatchObject({ outcome: "delivered", status: 200 });
    receiver.answer = () => ({ status: 401, body: { says: "no" } });
    const { code, stdout } = await qonto(["destinations", "test", id], environment);
    receiver.answer = () => ({});
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^rejected: 401, \d+ ms\n\{"says":"no"\}\n$/)]);
    await json("destinations", "delete", id);
  });

  it("have their own headers, shown by their names alone, replaced as a whole and removed by a word", async () => {
    const headers = ["--header", "Authorization: Bearer a:b", "--header", "x-ledger: 1"];
    const { id, header_names } = await json("destinations", "create", `${receiver.url}/headers`, ...headers);
    expect(header_names).toEqual(["authorization", "x-ledger"]);
    expect(await json("destinations", "update", id, "--header", "x-key: 2")).toMatchObject({ header_names: ["x-key"] });
    const shown = await qonto(["destinations", "show", id], environment);
    expect(shown.stdout).toMatch(/headers +x-key\n/);
    expect(await json("destinations", "update", id, "--header", "none")).toMatchObject({ header_names: [] });
    for (const [given, said] of [
      [["--header", "nothing"], "--header takes `name: value`."],
      [["--header", "x: very-secret", "--header", "x: 2"], "--header gives x twice."],
      [["--header", "host: very-secret"], "headers.host: is set by the relay or the network"],
    ] as const) {
      const { code, stderr } = await qonto(["destinations", "update", id, ...given], environment);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining(said)]);
      expect(stderr).not.toContain("very-secret");
    }
    await json("destinations", "delete", id);
  });

  it("that the relay refuses are refused with its words", async () => {
    const { code, stderr } = await qonto(["destinations", "create", "ftp://a.example"], environment);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^url: .*\(400 invalid_request, /)]);
  });

  it("are a table for a person", async () => {
    const { id } = await json("destinations", "create", `${receiver.url}/table`, "--paused");
    const { stdout } = await qonto(["destinations", "list"], environment);
    const [head = "", ...rows] = stdout.split("\n");
    expect(head).toMatch(/^ID +STATE +URL +TYPES +DESCRIPTION$/);
    const row = rows.find((line) => line.startsWith(id)) ?? "";
    expect(row.indexOf("paused")).toBe(head.indexOf("STATE"));
    await json("destinations", "delete", id);
  });
});

describe("tokens", () => {
  it("are created, listed and revoked; that of a destination works for its destination alone", async () => {
    const { id } = await json("destinations", "create", `${receiver.url}/own`);
    const { id: otherId } = await json("destinations", "create", `${receiver.url}/other`);
    const made = await json("tokens", "create", "books", "--access", "destination", "--destination", id);
    expect(made).toMatchObject({ name: "books", access: "destination", destination_id: id });
    const { token, ...listed } = made;
    expect((await json("tokens", "list")).data).toEqual([listed]);

    const asBooks = { ...environment, ADMIN_TOKEN: token };
    const own = await qonto(["destinations", "list", "--json"], asBooks);
    expect(JSON.parse(own.stdout).data.map((one: { id: string }) => one.id)).toEqual([id]);
    expect((await qonto(["destinations", "test", id], asBooks)).code).toBe(0);
    const { code, stderr } = await qonto(["destinations", "test", otherId], asBooks);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^This token is for one destination, .* \(403 forbidden, .*\nSet ADMIN_TOKEN /),
    ]);

    const table = (await qonto(["tokens", "list"], environment)).stdout;
    expect(table).toMatch(/^ID +NAME +ACCESS +DESTINATION +LAST USED\n/);
    expect(table).not.toContain(token);
    await json("tokens", "revoke", made.id);
    expect((await qonto(["tokens", "list"], environment)).stdout).toContain("No named tokens yet.");
    const shown = (await qonto(["tokens", "create", "grafana", "--access", "read"], environment)).stdout;
    expect(shown).toMatch(/^grafana: tok_\w+\nToken, shown this once: {2}qrt_[\w-]{80}\n$/);
    for (const one of [id, otherId]) await json("destinations", "delete", one);
  });

  it("of a destination need one, and the relay says so", async () => {
    const { code, stderr } = await qonto(["tokens", "create", "books", "--access", "destination"], environment);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^destination_id: is missing \(400 invalid_request, /)]);
  });
});

describe("an event", () => {
  it("is sent as Qonto does, listed, shown, and replayed to a destination that missed it", async () => {
    const sent = await json("send", "v1/transactions", "--count", "2");
    expect(sent.answers).toMatchObject([
      { status: 200, body: { status: "accepted" }, accepted: true },
      { status: 200, body: { status: "accepted" }, accepted: true },
    ]);
    const [{ event_id: id }] = sent.answers;
    expect((await json("send", "v1/transactions", "--id", id)).answers[0].body.status).toBe("duplicate");
    expect((await json("send", "registrations.completed")).answers[0].body.status).toBe("accepted");

    const listed = await json("events", "list", "--type", "v1/transactions", "--since", "1h", "--limit", "all");
    expect(listed.data.map((one: { id: string }) => one.id)).toContain(id);
    expect((await json("events", "list", "--limit", "1")).data).toHaveLength(1);
    expect((await json("events", "list", "--until", "1h")).data).toEqual([]);
    expect(await json("events", "show", id)).toMatchObject({
      id,
      payload: { id, type: "v1/transactions" },
      deliveries: [],
    });

    const { id: to } = await json("destinations", "create", `${receiver.url}/late`, "--types", "v1/cards");
    await expect.poll(async () => (await json("events", "show", id)).state, { timeout: 30_000 }).toBe("unmatched");
    expect(await json("replay", "event", id, "--to", to)).toEqual({ count: 1 });
    await expect
      .poll(() => receiver.received.map(({ headers }) => headers["webhook-id"]), { timeout: 30_000 })
      .toContain(id);

    await json("destinations", "update", to, "--types", "v1/transactions");
    const replayed = await json("replay", "destination", to, "--since", "1h", "--which", "missing");
    expect(replayed).toMatchObject({ count: 1, which: "missing", finished_at: expect.any(String) });
    await json("destinations", "delete", to);
  });

  it("that a destination asked to get later, and then no longer wanted, is shown as such", async () => {
    const { id: to } = await json("destinations", "create", `${receiver.url}/busy`, "--types", "v1/memberships");
    receiver.answer = () => ({ status: 429, headers: { "retry-after": "600" } });
    const [{ event_id: id }] = (await json("send", "v1/memberships")).answers;
    const attempts = async () => (await json("events", "show", id)).deliveries[0]?.attempts.length;
    await expect.poll(attempts, { timeout: 30_000 }).toBe(1);
    receiver.answer = () => ({});
    const held = await qonto(["destinations", "show", to], environment);
    expect(held.stdout).toMatch(/state +failing, held/);
    expect(held.stdout).toMatch(/held until +\S+Z, as it asked with Retry-After/);

    await json("destinations", "update", to, "--types", "v1/cards");
    const shown = await qonto(["events", "show", id], environment);
    expect(shown.stdout).toMatch(/dead +1 +\S+ +rejected 429 \d+ ms *\n +\S+Z +filtered\s/);
    await json("destinations", "delete", to);
  });

  it("that the relay refuses is explained, by what it was signed with", async () => {
    const { code, stdout } = await qonto(["send", "v1/cards", "--secret", "a-wrong-secret"], environment);
    expect(stdout).toContain("does not know the secret that this was signed with (--secret)");
    expect(stdout).not.toContain("a-wrong-secret");
    expect(code).toBe(1);
    const old = await qonto(["send", "v1/cards", "--timestamp", "10m"], environment);
    expect([old.code, old.stdout]).toEqual([1, expect.stringContaining("kept in quarantine")]);
  });
});

describe("tail", () => {
  it("shows each event once and what became of it, also while the relay is away for a while, until Ctrl-C", async () => {
    const { id: destination } = await json("destinations", "create", `${receiver.url}/tail`, "--types", "v1/products");
    const before = (await json("send", "v1/products")).answers[0].event_id;
    await expect.poll(async () => (await json("events", "show", before)).state, { timeout: 30_000 }).toBe("settled");

    const atDoor = (request: Request) =>
      fetch(relay.url + new URL(request.url).pathname + new URL(request.url).search, request);
    let door = await HttpServer.start(atDoor);
    const { url } = door;
    const tail = new QontoProgram(["tail", "--type", "v1/products", "--json", "--url", url], environment);
    const human = new QontoProgram(["tail", "--since", "1h"], environment);
    await human.says(before);
    await tail.says("Events are shown as they arrive.", "stderr");
    const first = (await json("send", "v1/products")).answers[0].event_id;
    await tail.says(new RegExp(`"outcome","id":"${first}"`));
    await human.says(new RegExp(`→ settled.*${first}.*${destination} delivered \\(attempt 1: 200, \\d+ ms\\)`));

    await door.stop();
    await tail.says("Trying again until it answers.", "stderr");
    door = await HttpServer.start(atDoor, Number(new URL(url).port));
    await tail.says("The relay answers again.", "stderr");
    const second = (await json("send", "v1/products")).answers[0].event_id;
    await tail.says(new RegExp(`"outcome","id":"${second}"`));

    tail.interrupt();
    human.interrupt();
    const { code, stderr } = await tail.ended;
    expect([code, (await human.ended).code]).toEqual([130, 130]);
    await door.stop();
    expect(stderr.match(/Trying again until it answers/g)).toHaveLength(1);
    expect(
      lines(tail)
        .filter(({ kind }) => kind === "event")
        .map(({ id }) => id),
    ).toEqual([first, second]);
    expect(lines(tail).filter(({ kind }) => kind === "outcome")).toEqual(
      [first, second].map((id) => ({
        kind: "outcome",
        id,
        type: "v1/products",
        state: "settled",
        deliveries: [
          {
            destination_id: destination,
            status: "delivered",
            attempts: 1,
            last_status: 200,
            last_outcome: "delivered",
          },
        ],
      })),
    );
  });
});
