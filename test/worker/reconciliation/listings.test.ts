import { beforeEach, describe, expect, it } from "vitest";
import { QontoClient, QontoUnavailable } from "../../../src/qonto/api-client.ts";
import { idOf } from "../../../src/reconciliation/compare.ts";
import { fetchOrganization, listableTypes, listingOf } from "../../../src/reconciliation/listings.ts";
import { listedTypes } from "../../support/qonto-server/bank.ts";
import { type Scope, isScope } from "../../support/qonto-server/scopes.ts";
import { SimulatedQonto } from "../../support/qonto-server/simulated-qonto.ts";
import { Clock } from "../support/clock.ts";
import { readWhole } from "./qonto-lists.ts";

/** The lists of the simulated Qonto, read by the client of a Worker. */

let clock: Clock;
let qonto: SimulatedQonto;

beforeEach(() => {
  clock = new Clock();
  qonto = new SimulatedQonto({ now: clock.now });
});

function clientWith(scopes: readonly Scope[] = ["organization.read"]): QontoClient {
  const headers = { authorization: `Bearer ${qonto.grant({ scopes }).accessToken}` };
  const world = { now: clock.now, setTimer: clock.setTimer, fetch: qonto.fetch };
  return new QontoClient({ baseUrl: "https://thirdparty.qonto.com", headers, world });
}

const typesWithList = listedTypes.filter((type) => listingOf(type) !== undefined);
const accountIds = () => qonto.bank.all("v1/accounts").map((account) => idOf("v1/accounts", account));
const read = (type: string, client: QontoClient) =>
  clock.waitFor(readWhole(type, client, { accountIds: accountIds(), asOfMs: clock.now() }));

it("the listable types are those that Qonto lists, the organization and its accounts first", () => {
  expect(listableTypes.toSorted()).toEqual(listedTypes.toSorted());
  expect(listableTypes.slice(0, 2)).toEqual(["v1/organizations", "v1/accounts"]);
});

it("the organization comes with its accounts and with Qonto's time", async () => {
  qonto.bank.make("v1/accounts");
  qonto.faults.clockSkewSeconds = 90;
  const client = clientWith();
  const organization = await clock.waitFor(fetchOrganization(client));
  const { id, name, accounts, shown } = organization;
  expect({ id, name }).toEqual({ id: qonto.bank.organizationId, name: qonto.bank.name });
  expect(accounts.map((account) => idOf("v1/accounts", account))).toEqual(accountIds());
  expect(shown).not.toHaveProperty("bank_accounts");
  expect([client.answeredAtMs, client.clockAheadMs]).toEqual([clock.now() + 90_000, 90_000]);
});

describe.each(typesWithList)("%s", (type) => {
  const scope = listingOf(type)?.scope ?? "";

  it("is listed with the scope that is said of it, whole", async () => {
    if (!isScope(scope)) throw new Error(`Qonto knows no scope ${scope}`);
    const made = Array.from({ length: 230 }, () => qonto.bank.make(type));
    const { ids, again, fault } = await read(type, clientWith([scope]));
    const all = made.map((one) => idOf(type, one)).toSorted();
    expect({ ids: ids.toSorted(), again, fault }).toEqual({ ids: all, again: [], fault: null });
  });

  it("is refused without it", async () => {
    const scopes = (["card.read", "client.read"] as const).filter((one) => one !== scope);
    const refused = read(type, clientWith(scopes));
    await expect(refused).rejects.toMatchObject({ name: "QontoRefusal", status: 403 });
    await expect(refused).rejects.toThrow("missing required oauth scope");
  });
});

describe("transactions", () => {
  it("are read of all accounts, and in each status", async () => {
    qonto.bank.make("v1/accounts");
    for (const bank_account_id of accountIds()) {
      for (const status of ["pending", "declined", "completed"]) {
        qonto.bank.make("v1/transactions", { bank_account_id, status });
      }
    }
    const { ids } = await read("v1/transactions", clientWith());
    expect(ids.toSorted()).toEqual(
      qonto.bank
        .all("v1/transactions")
        .map(({ id }) => String(id))
        .toSorted(),
    );
    expect(ids).toHaveLength(6);
  });

  const PATH = "/v2/transactions";
  const make = (count: number) => Array.from({ length: count }, () => String(qonto.bank.make("v1/transactions")["id"]));

  it("are read again when one goes while they are read", async () => {
    const ids = make(150);
    qonto.afterPage(PATH, 1, () => qonto.bank.remove("v1/transactions", ids.at(-1) ?? ""));
    const { ids: seen, again, fault } = await read("v1/transactions", clientWith());
    expect({ again, fault }).toEqual({ again: ["Qonto's list became shorter while it was read"], fault: null });
    expect(new Set(seen)).toEqual(new Set(ids));
  });

  it("are never complete while Qonto counts more than it shows", async () => {
    make(3);
    qonto.faults.paths.set(PATH, { totalCountBy: 1 });
    const { fault } = await read("v1/transactions", clientWith());
    expect(fault).toBe("Qonto lists 3 of 4; it was read 3 times.");
  });

  it.each([
    ["is limited", { status: 429 }, QontoUnavailable],
    ["has a fault of its own", { status: 503 }, QontoUnavailable],
    ["does not answer", { answer: "hangs" }, QontoUnavailable],
    ["cuts the connection", { answer: "cut" }, QontoUnavailable],
    ["shows an error page", { answer: "html" }, QontoUnavailable],
    ["answers what is no JSON", { answer: "text" }, QontoUnavailable],
    ["answers half a JSON", { answer: "cut json" }, QontoUnavailable],
  ] as const)("are not read when Qonto %s, with 2 s of waiting at most", async (_title, fault, error) => {
    make(3);
    const startedAt = clock.now();
    qonto.faults.paths.set(PATH, fault);
    await expect(read("v1/transactions", clientWith())).rejects.toThrow(error);
    const timeouts = "answer" in fault && fault.answer === "hangs" ? 2 * 10_000 : 0;
    expect(clock.now() - startedAt - timeouts).toBeLessThanOrEqual(2_000);
  });
});
