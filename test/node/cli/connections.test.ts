import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exampleConnection } from "../../../src/api/schemas/connection.ts";
import { exampleDiagnostics } from "../../../src/api/schemas/diagnostics.ts";
import { QontoProgram, qonto } from "./qonto-program.ts";
import { type Answer, ScriptedServer } from "./scripted-server.ts";

/** The commands against answers of the operator's API; test/worker/api/connections.test.ts says that it gives them. */

const { id } = exampleConnection;

const relay = new ScriptedServer();
let environment: Record<string, string>;
/** Answers by method and path. */
let answers: Record<string, Answer>;
let listed: object[];

beforeEach(async () => {
  await relay.start();
  relay.received.length = 0;
  environment = { RELAY_URL: relay.url, ADMIN_TOKEN: "token-of-test" };
  listed = [exampleConnection];
  answers = { "GET /api/diagnostics": { body: exampleDiagnostics } };
  relay.answer = ({ method, path }) =>
    answers[`${method} ${path}`] ??
    (path === "/api/connections"
      ? { body: { data: listed } }
      : { status: 404, body: { code: "not_found", detail: "No." } });
});

afterEach(() => relay.stop());

const refusal = (status: number, code: string): Answer => ({ status, body: { code, detail: "As the test says." } });

describe("connections list", () => {
  it("shows each with its organization, status, subscriptions and until when it is complete", async () => {
    listed = [
      exampleConnection,
      {
        ...exampleConnection,
        id: "con_2",
        organization_id: "org-2",
        organization_name: null,
        status: "expired",
        subscriptions: [
          { id: null, types: ["v1/cards"], status: "missing" },
          { id: "sub-2", types: ["v1/cards"], status: "foreign" },
        ],
        refused_types: [],
        reconciled_until: null,
        last_error: "Qonto refused\u001B[2J the token.",
      },
    ];
    const { code, stdout, stderr } = await qonto(["connections", "list"], environment);
    expect([code, stderr]).toEqual([0, ""]);
    const [head, first, second, error, refused, ...rest] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^ID +ORGANIZATION +STATUS +SUBSCRIPTIONS +COMPLETE UP TO$/);
    expect(first).toContain(`Elektro Tesla GmbH (${exampleConnection.organization_id})  connected  1 active`);
    expect(first).toContain("2026-11-24T09:40:00.000Z");
    expect(second).toMatch(/^con_2 +org-2 +expired +1 missing, 1 foreign +not filled yet$/);
    expect(error).toBe("con_2: Qonto refused [2J the token.");
    expect(refused).toBe(`${exampleConnection.id}: Qonto does not take v1/recurring-transfers`);
    expect(rest).toEqual([]);
  });

  it("says how to make one while there is none", async () => {
    listed = [];
    const { stdout } = await qonto(["connections", "list"], environment);
    expect(stdout).toBe("No connections yet. `connect` says how to make one.\n");
  });

  it("gives a program all that the relay says, a newer one's fields too", async () => {
    listed = [{ ...exampleConnection, status: "paused", newer: { field: 1 }, reconciling: { kind: "other", page: 3 } }];
    const { stdout } = await qonto(["connections", "list", "--json"], environment);
    expect(JSON.parse(stdout)).toEqual({ data: listed });
  });
});

describe("connections reconcile", () => {
  const path = `/api/connections/${id}/reconcile`;

  it("asks for it, from the given time on", async () => {
    const scheduled = { id, status: "scheduled", since: "2026-11-20T00:00:00.000Z" };
    answers[`POST ${path}`] = { status: 202, body: scheduled };
    const command = ["connections", "reconcile", id, "--since", "2026-11-20T00:00:00Z", "--json"];
    const { code, stdout } = await qonto(command, environment);
    expect([code, JSON.parse(stdout)]).toEqual([0, scheduled]);
    expect(relay.received.map(({ body }) => JSON.parse(body))).toEqual([{ since: "2026-11-20T00:00:00.000Z" }]);
  });

  it("leaves the time to the relay without --since", async () => {
    answers[`POST ${path}`] = { status: 202, body: { id, status: "scheduled", since: null } };
    const { code, stdout } = await qonto(["connections", "reconcile", id], environment);
    expect([code, stdout]).toEqual([0, expect.stringContaining("Scheduled")]);
    expect(relay.received.map(({ body }) => JSON.parse(body))).toEqual([{}]);
  });

  it("says what to do when the organization is not connected any more", async () => {
    answers[`POST ${path}`] = refusal(409, "not_connected");
    const { code, stderr } = await qonto(["connections", "reconcile", id], environment);
    expect([code, stderr]).toEqual([1, expect.stringContaining("npm run qonto -- connect")]);
  });
});

describe("connections disconnect", () => {
  it("removes it", async () => {
    answers[`DELETE /api/connections/${id}`] = { status: 204 };
    const { code, stdout } = await qonto(["connections", "disconnect", id, "--json"], environment);
    expect([code, JSON.parse(stdout)]).toEqual([0, { id, disconnected: true }]);
  });

  it.each([
    [409, "connection_busy", "try again in half a minute"],
    [503, "qonto_unavailable", "As the test says"],
    [404, "not_found", "As the test says"],
  ])("ends with 1 after %d %s", async (status, code, says) => {
    answers[`DELETE /api/connections/${id}`] = refusal(status, code);
    const ended = await qonto(["connections", "disconnect", id], environment);
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([1, "", expect.stringContaining(says)]);
  });
});

describe("connect", () => {
  it("says where to connect, and which organization was when that is done", async () => {
    listed = [];
    const program = new QontoProgram(["connect"], environment);
    await program.says(`Open ${relay.url}/console/qonto in a browser and press Connect.`, "stderr");
    listed = [{ ...exampleConnection, organization_name: "Elektro Tesla\u001B[2J GmbH" }];
    const { code, stdout } = await program.ended;
    const organization = `Elektro Tesla [2J GmbH (${exampleConnection.organization_id})`;
    expect([code, stdout]).toEqual([0, `Connected ${organization}: ${id}, connected.\n`]);
  });

  it("knows one that is connected again by its time, and does not take those that were there for it", async () => {
    const other = { ...exampleConnection, id: "con_2", organization_id: "org-2" };
    const lost = { ...exampleConnection, status: "expired" };
    listed = [lost, other];
    let looks = 0;
    relay.answer = ({ path }) => {
      if (path === "/api/diagnostics") return { body: exampleDiagnostics };
      looks += 1;
      if (looks === 4) listed = [{ ...exampleConnection, connected_at: "2026-11-24T10:00:00.000Z" }, other];
      return { body: { data: listed } };
    };
    const { code, stdout } = await qonto(["connect", "--json"], environment);
    expect([code, JSON.parse(stdout)]).toEqual([0, listed[0]]);
    expect(looks).toBe(4);
  });

  it("goes on while the relay restarts", async () => {
    listed = [];
    let looks = 0;
    const restarting = async (url: string, init?: RequestInit) => {
      if (url.endsWith("/api/connections")) looks += 1;
      if (looks === 2 || looks === 3) throw new TypeError("fetch failed");
      if (looks === 4) listed = [exampleConnection];
      return fetch(url, init);
    };
    const { code } = await qonto(["connect"], environment, { world: { fetch: restarting } });
    expect([code, looks]).toEqual([0, 4]);
  });

  it("ends with 1 after --timeout, and with 130 after Ctrl-C", async () => {
    let elapsedMs = 0;
    const world = { elapsedMs: () => (elapsedMs += 30_000) };
    const late = await qonto(["connect", "--timeout", "90"], environment, { world });
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("Nothing was connected within 90 s.")]);
    const program = new QontoProgram(["connect"], environment);
    await program.says("Waiting", "stderr");
    program.interrupt();
    expect((await program.ended).code).toBe(130);
  });

  it("says so at once when the relay has no application at Qonto", async () => {
    const configuration = { ...exampleDiagnostics.configuration, qonto_environment: null };
    answers["GET /api/diagnostics"] = { body: { ...exampleDiagnostics, configuration } };
    const { code, stderr } = await qonto(["connect"], environment);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${relay.url}/console/qonto says how to get one.`)]);
  });

  it("ends when its token is refused", async () => {
    answers["GET /api/connections"] = refusal(401, "unauthorized");
    expect(await qonto(["connect"], environment)).toMatchObject({ code: 1, stdout: "" });
  });
});
