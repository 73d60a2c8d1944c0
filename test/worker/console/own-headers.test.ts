import { beforeEach, expect, it } from "vitest";
import { ok } from "../support/destinations.ts";
import { emptyDatabase } from "../support/relay.ts";
import { HOOK, answeringDestination } from "./answering-destination.ts";
import { read } from "./reading.ts";

beforeEach(emptyDatabase);

const fields = { url: HOOK, description: "Accounting", scope: "all" };

it("the form of a destination takes its own headers, keeps them when left empty, and removes them by a word", async () => {
  const { relay, visitor, path, id } = await answeringDestination(ok, {});
  const names = async () => (await relay.api("GET", `/api/destinations/${id}`)).body.header_names;
  await visitor.press(`${path}/edit`, { ...fields, headers: "Authorization: Bearer a:b\r\nx-ledger: books" });
  expect(await names()).toEqual(["authorization", "x-ledger"]);
  await relay.api("POST", `/api/destinations/${id}/test`);
  expect(relay.destinations.at(HOOK)[0]?.headers.get("authorization")).toBe("Bearer a:b");
  expect(await read(visitor, path)).toContain("x-ledger");
  expect(await read(visitor, `${path}/edit`)).toContain("It has authorization, x-ledger.");
  await visitor.press(`${path}/edit`, { ...fields, description: "Books", headers: "" });
  expect(await names()).toEqual(["authorization", "x-ledger"]);
  await visitor.press(`${path}/edit`, { ...fields, headers: "none" });
  expect(await names()).toEqual([]);
});

it.each(["no colon", "x-a: 1\nx-a: 2", "host: example.com"])(
  "refuses %j, and keeps what was typed",
  async (headers) => {
    const { relay, visitor, path, id } = await answeringDestination(ok, {});
    const response = await visitor.press(`${path}/edit`, { ...fields, headers });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Give one header a line");
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.header_names).toEqual([]);
  },
);
