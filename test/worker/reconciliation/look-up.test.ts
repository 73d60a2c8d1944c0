import { describe, expect, it } from "vitest";
import { realWorld } from "../../../src/platform/world.ts";
import { QontoClient, QontoRefusal, QontoUnavailable } from "../../../src/qonto/api-client.ts";
import { rulesOf } from "../../../src/qonto/catalogue.ts";
import { listableTypes, listingOf } from "../../../src/reconciliation/listings.ts";
import { LookUps } from "../../../src/reconciliation/look-up.ts";

/** By path: the body of a 200, or of a refusal. */
type Answers = Readonly<Record<string, Response>>;

const shown = (key: string) => Response.json({ [key]: { id: "shown" } });
const notFound = () => Response.json({ code: "not_found", detail: "There is none." }, { status: 404 });
const refused = (status: number) => Response.json({ code: "refused", detail: "No." }, { status });

function lookUps(
  type: string,
  answers: Answers,
  listedId: string | null = "listed",
  isReliable: boolean | null = null,
) {
  const asked: string[] = [];
  const fetch = async (address: string): Promise<Response> => {
    const { pathname } = new URL(address);
    asked.push(pathname);
    const answer = answers[pathname];
    if (answer === undefined) throw new Error(`Nobody expects ${pathname}`);
    return answer.clone();
  };
  const patience = { answersWithinMs: 10_000, mostRetries: 0, longestWaitMs: 0 };
  const client = new QontoClient({ baseUrl: "https://qonto.test", world: { ...realWorld, fetch }, patience });
  return { asked, ups: new LookUps({ type, listedId, isReliable }, client) };
}

it("the types that can be looked up are those whose lifecycle ends and that Qonto shows by an id", () => {
  const types = listableTypes.filter((type) => listingOf(type)?.one !== undefined);
  expect(types).toEqual(["v1/beneficiaries", "v1/clients", "v1/products"]);
  for (const type of types) expect(rulesOf(type).lifecycle).toContain("deleted");
});

describe("a resource", () => {
  const listed = { "/v2/clients/listed": shown("client") };

  it("is gone after a 404, when a listed one was found: that is asked once", async () => {
    const { ups, asked } = lookUps("v1/clients", {
      ...listed,
      "/v2/clients/c%2F1": notFound(),
      "/v2/clients/c2": notFound(),
    });
    expect([await ups.isGone("c/1"), await ups.isGone("c2")]).toEqual([true, true]);
    expect(asked).toEqual(["/v2/clients/c%2F1", "/v2/clients/listed", "/v2/clients/c2"]);
    expect(ups).toMatchObject({ isReliable: true, requests: 3 });
  });

  it("is not gone while it is shown", async () => {
    const { ups, asked } = lookUps("v1/clients", { "/v2/clients/c1": shown("client") });
    expect(await ups.isGone("c1")).toBe(false);
    expect([asked, ups.isReliable]).toEqual([["/v2/clients/c1"], null]);
  });

  it("is gone after a 404 where nothing is listed", async () => {
    const { ups, asked } = lookUps("v1/products", { "/v2/products/p1": notFound() }, null);
    expect(await ups.isGone("p1")).toBe(true);
    expect(asked).toEqual(["/v2/products/p1"]);
  });

  it.each([
    ["404", notFound()],
    ["404 without a code", new Response("Not Found", { status: 404 })],
    ["403", refused(403)],
    ["200 that is not as documented", Response.json({ item: {} })],
  ])("is not gone where a listed one is answered with %s, and nothing more is asked", async (_title, answer) => {
    const { ups, asked } = lookUps("v1/clients", { "/v2/clients/listed": answer, "/v2/clients/c1": notFound() });
    expect([await ups.isGone("c1"), await ups.isGone("c2")]).toEqual([false, false]);
    expect(asked).toEqual(["/v2/clients/c1", "/v2/clients/listed"]);
    expect(ups.isReliable).toBe(false);
  });

  it("is not asked for where an earlier step of the reading has found that a 404 says nothing", async () => {
    const { ups, asked } = lookUps("v1/clients", {}, "listed", false);
    expect([await ups.isGone("c1"), asked]).toEqual([false, []]);
  });

  it.each([
    ["404 that is not Qonto's", new Response("<h1>404</h1>", { status: 404 })],
    ["404 without a code", Response.json({ detail: "Nothing here" }, { status: 404 })],
    ["403", refused(403)],
    ["410", refused(410)],
    ["422", refused(422)],
    ["200 that is not as documented", Response.json({ clients: [] })],
  ])("is not gone after a %s", async (_title, answer) => {
    const { ups } = lookUps("v1/clients", { ...listed, "/v2/clients/c1": answer });
    expect([await ups.isGone("c1"), ups.isReliable]).toEqual([false, null]);
  });

  it.each([
    [401, QontoRefusal],
    [429, QontoUnavailable],
    [500, QontoUnavailable],
  ])("is not judged after a %s, which is thrown", async (status, error) => {
    const { ups } = lookUps("v1/clients", { ...listed, "/v2/clients/c1": refused(status) });
    await expect(ups.isGone("c1")).rejects.toThrow(error);
  });
});

describe("a beneficiary", () => {
  const sepa = "/v2/sepa/beneficiaries/b1";
  const any = "/v2/beneficiaries/b1";
  const listed = {
    "/v2/sepa/beneficiaries/listed": shown("beneficiary"),
    "/v2/beneficiaries/listed": shown("beneficiary"),
  };

  it.each([
    [true, "both paths say 404", notFound(), notFound()],
    [false, "only the one of SEPA beneficiaries does", notFound(), shown("beneficiary")],
    [false, "only the other does", shown("beneficiary"), notFound()],
    [false, "the other refuses", notFound(), refused(403)],
    [false, "the one of SEPA beneficiaries refuses", refused(403), notFound()],
  ])("is gone: %s, when %s", async (isGone, _title, ofSepa, ofAny) => {
    const { ups } = lookUps("v1/beneficiaries", { ...listed, [sepa]: ofSepa, [any]: ofAny });
    expect(await ups.isGone("b1")).toBe(isGone);
  });

  it("is not gone where one of the paths does not show a listed one", async () => {
    const answers = { ...listed, "/v2/beneficiaries/listed": notFound(), [sepa]: notFound(), [any]: notFound() };
    const { ups } = lookUps("v1/beneficiaries", answers);
    expect([await ups.isGone("b1"), ups.isReliable]).toEqual([false, false]);
  });
});
