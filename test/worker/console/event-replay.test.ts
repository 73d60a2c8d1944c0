import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { auditOf, halfTaken, pageOf, received, threeEnds } from "./event-scenes.ts";
import { read, withoutTags } from "./reading.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

describe("sending an event again", () => {
  it("goes to all that want it and lack it, is audited, and says so", async () => {
    const { relay, payload, lacks, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay`);
    expect(response.status).toBe(303);
    const at = response.headers.get("location") ?? "";
    expect(at).toBe(`${pageOf(payload.id)}?done=event-replayed`);
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([1, 2]);
    expect(await read(visitor, at)).toContain(
      "The event is sent to each destination that matches and does not have it.",
    );
    expect(await auditOf(relay)).toMatchObject([
      { token: "admin", subject: payload.id, outcome: "done", after: { destination_ids: [lacks.id], count: 1 } },
    ]);
  });

  it("goes to one destination that has it already", async () => {
    const { relay, payload, has, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: has.id });
    expect(response.headers.get("location")).toBe(`${pageOf(payload.id)}?done=event-replayed-to-destination`);
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([2, 1]);
    expect(await auditOf(relay)).toMatchObject([{ after: { destination_ids: [has.id] } }]);
  });

  it("goes to a destination that it was not for", async () => {
    const { relay, payload, visitor } = await halfTaken();
    const late = await relay.addDestination("https://late.example.com/hook", {
      description: "Late",
      types: ["v1/cards"],
    });
    expect(await (await visitor.get(pageOf(payload.id))).text()).toContain(`<option value="${late.id}">Late</option>`);
    await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: late.id });
    await relay.runQueues();
    expect(received(relay, "late")).toBe(1);
  });

  it("says that nobody lacks it", async () => {
    const { relay, ends, visitor } = await threeEnds();
    const response = await visitor.press(`${pageOf(ends.delivered.id)}/replay`);
    expect(await read(visitor, response.headers.get("location") ?? "")).toContain("Nothing was sent");
    expect(received(relay, "well")).toBe(2);
  });

  it("to no destination at all is refused, and goes to nobody", async () => {
    const { relay, payload, visitor } = await halfTaken();
    expect((await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: "" })).status).toBe(
      400,
    );
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([1, 1]);
  });

  it("to a destination that is not there says so on the event's own page", async () => {
    const { payload, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: "dst_gone" });
    expect(response.status).toBe(404);
    const text = withoutTags(await response.text());
    expect(text).toContain("There is no such destination.");
    expect(text).toContain("Transaction created");
  });

  it("to a destination that does not want it, before it is dispatched, says that it is too early", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination("https://destination.example.com/hook", { types: ["v1/cards"] });
    const payload = makePayload("v1/clients");
    await relay.send(payload);
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: id });
    expect(response.status).toBe(409);
    expect(withoutTags(await response.text())).toContain("Replay it to another destination in a moment.");
  });

  it("of an event that is not there is no page", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect((await visitor.press(`${pageOf("no-such")}/replay`)).status).toBe(404);
  });

  it("cannot be done by who may only look", async () => {
    const { relay, payload, has } = await halfTaken();
    const { body } = await relay.api("POST", "/api/tokens", { name: "looks", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const html = await (await visitor.get(pageOf(payload.id))).text();
    expect(html.match(/<button type="submit"[^>]*>/g)?.filter((one) => !one.includes("disabled"))).toHaveLength(1);
    expect((await visitor.press(`${pageOf(payload.id)}/replay`)).status).toBe(403);
    const named = await visitor.press(`${pageOf(payload.id)}/replay-to-destination`, { destination_id: has.id });
    expect(named.status).toBe(403);
    expect(await auditOf(relay)).toEqual([]);
  });

  it("says nothing that only the query says", async () => {
    const { payload, visitor } = await halfTaken();
    for (const done of ["<b>paid</b>", "paid", "constructor"]) {
      expect(await read(visitor, `${pageOf(payload.id)}?done=${done}`)).not.toMatch(/paid|constructor/);
    }
  });
});
