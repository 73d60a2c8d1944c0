import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { byId, messageOf } from "../../../src/messages.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { actionsOf, follow } from "./actions.ts";
import { read } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const list = "/console/dead-letters";

/** Puts a message into the dead letters. */
async function bury(relay: TestRelay, id: string, body: unknown): Promise<void> {
  relay.deadLetters.hold({ id, body: body as never, dueAt: relay.now, tries: 0 });
  await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
  relay.passSeconds(1);
}

function eventMessage(relay: TestRelay, body: object & { id: string }) {
  const about = { source: "business", received_at: relay.now, content_type: null, content_encoding: null } as const;
  return messageOf([{ id: body.id, lease_until: null, inline: { ...about, body: JSON.stringify(body) } }]);
}

describe("the dead letters", () => {
  it("say that there are none and nothing is to do", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()), list);
    expect(text).toContain("No dead letter waits for you.");
    expect(text).toContain("There is nothing to do.");
  });

  it("are listed newest first, with their event or destination", async () => {
    const relay = new TestRelay();
    const { id: destinationId } = await relay.addDestination(destination, { description: "Accounting" });
    await bury(relay, "m1", messageOf([byId("e/1", null)]));
    await bury(relay, "m2", { kind: "drain", destination_id: destinationId });
    await bury(relay, "m3", { kind: "drain", destination_id: "dst_removed" });
    await bury(relay, "m4", "?");
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(list)).text();
    expect(html).toContain("4 messages failed in every try");
    expect(
      Array.from(html.matchAll(/href="\/console\/dead-letters\/(m\d)">([^<]+)</g), ([, id, kind]) => [id, kind]),
    ).toEqual([
      ["m4", "Unknown"],
      ["m3", "Drain message"],
      ["m2", "Drain message"],
      ["m1", "Event"],
    ]);
    expect(html).toContain('href="/console/events/e%2F1"');
    expect(html).toContain(`href="/console/destinations/${destinationId}"><bdi>Accounting</bdi>`);
    expect(html).not.toContain("/console/destinations/dst_removed");
    expect(html.match(/>Replay</g)).toHaveLength(3);
  });

  it("are filtered by state", async () => {
    const relay = new TestRelay();
    await bury(relay, "m1", messageOf([byId("replayed", null)]));
    await bury(relay, "m2", messageOf([byId("waits", null)]));
    await relay.api("POST", "/api/dead-letters/m1/replay");
    const visitor = await Visitor.loggedIn(relay);
    const shown = async (query: string) => {
      const html = await (await visitor.get(list + query)).text();
      return Array.from(html.matchAll(/href="\/console\/dead-letters\/(m\d)"/g), ([, id]) => id);
    };
    expect(await shown("")).toEqual(["m2"]);
    expect(await shown("?state=replayed")).toEqual(["m1"]);
    expect(await shown("?state=all")).toEqual(["m2", "m1"]);
  });

  it("are paged; a page searches a thousand, and links to the next even without a match", async () => {
    const relay = new TestRelay();
    await env.DB.prepare(
      `INSERT INTO dead_letters (id, kind, event_id, received_at, replayed_at, message)
       SELECT 'm' || value, 'due', 'e' || value, value, CASE WHEN value < 60 THEN NULL ELSE 1 END, '{}' FROM json_each(?1)`,
    )
      .bind(JSON.stringify(Array.from({ length: 1_060 }, (_, index) => index)))
      .run();
    const visitor = await Visitor.loggedIn(relay);
    const turn = async (path: string) => {
      const html = await (await visitor.get(path)).text();
      const next = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
      return { html, next, found: html.match(/href="\/console\/dead-letters\/m\d+"/g)?.length ?? 0 };
    };
    const first = await turn(list);
    expect(first.html).toContain("No matches on this page");
    expect(first.html).toContain("None of the newest dead letters waits");
    const second = await turn(first.next ?? "");
    expect(second.found).toBe(50);
    const third = await turn(second.next ?? "");
    expect(third).toMatchObject({ found: 10, next: undefined });
  });

  it.each(["state=lost", "cursor=x"])("refuses %s with a sentence", async (bad) => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(`${list}?${bad}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Invalid request");
  });

  it("cost at most six D1 calls", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    for (let letter = 0; letter < 5; letter += 1)
      await bury(relay, `m${letter}`, { kind: "drain", destination_id: id });
    for (const path of [list, `${list}?state=all`, `${list}/m1`]) {
      expect(await callsOf(relay, path)).toBeLessThanOrEqual(MOST_CALLS);
    }
  });
});

describe("one dead letter", () => {
  it("is shown with its message, and the message's body separately", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards", { note: "readable" });
    await bury(relay, "m1", eventMessage(relay, payload));
    const text = await read(await Visitor.loggedIn(relay), `${list}/m1`);
    expect(text).toContain("An event whose fan-out failed in every try.");
    expect(text).toContain("Body in the message");
    expect(text).toMatch(/note readable/);
  });

  it("shows a body of bytes", async () => {
    const relay = new TestRelay();
    const message = { kind: "quarantine", source: "business", received_at: 1, content_type: null, body_base64: "//4=" };
    await bury(relay, "m1", message);
    expect(await read(await Visitor.loggedIn(relay), `${list}/m1`)).toContain("0000 ff fe");
  });

  it("escapes a hostile message", async () => {
    const relay = new TestRelay();
    const hostile = '"><script>alert("1")</script>\u202E🦀';
    const about = { source: "business", received_at: 1, content_type: hostile, content_encoding: hostile } as const;
    await bury(relay, "m1", messageOf([{ id: hostile, lease_until: 1, inline: { ...about, body: hostile } }]));
    await bury(relay, "m3", { kind: "drain", event_id: hostile, destination_id: hostile, [hostile]: hostile });
    await bury(relay, "m2", { kind: hostile, body_base64: "!" });
    await env.DB.prepare("UPDATE dead_letters SET kind = ?1 WHERE id = 'm2'").bind(hostile).run();
    const visitor = await Visitor.loggedIn(relay);
    for (const path of [list, `${list}/m1`, `${list}/m2`, `${list}/m3`]) {
      const html = await (await visitor.get(path)).text();
      expect(html).not.toContain("<script>");
    }
  });

  it("answers 404 for an unknown id", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect((await visitor.get(`${list}/none`)).status).toBe(404);
    for (const action of ["replay", "delete"]) expect((await visitor.press(`${list}/none/${action}`)).status).toBe(404);
  });
});

describe("the replay of a dead letter", () => {
  it("sends its message again and is in the audit trail; a second one is harmless", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    await bury(relay, "m1", eventMessage(relay, makePayload("v1/cards")));
    const visitor = await Visitor.loggedIn(relay);
    const first = await follow(visitor, await visitor.press(`${list}/m1/replay`, { back: "list" }));
    expect(first).toContain("The message is back in its queue");
    expect(first).toContain("No dead letter waits for you.");
    await relay.runQueues();
    const second = await follow(visitor, await visitor.press(`${list}/m1/replay`, { back: "one" }));
    expect(second).toContain("Replay again");
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect((await actionsOf(relay)).slice(0, 2)).toEqual(["dead_letter.replayed done", "dead_letter.replayed done"]);
  });

  it("of an unknown message is not offered, and answers 409", async () => {
    const relay = new TestRelay();
    await bury(relay, "m1", "?");
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor, `${list}/m1`)).toContain("Cannot be replayed");
    const response = await visitor.press(`${list}/m1/replay`);
    expect(response.status).toBe(409);
    expect(await response.text()).toContain("This message cannot be read");
  });
});

describe("the deletion of a dead letter", () => {
  it("asks first, deletes it, and is in the audit trail", async () => {
    const relay = new TestRelay();
    await bury(relay, "m1", "?");
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor, `${list}/m1`)).toMatch(/Delete … The message can never be replayed.* Delete/);
    expect(await follow(visitor, await visitor.press(`${list}/m1/delete`))).toContain("The dead letter is deleted.");
    expect((await relay.api("GET", "/api/dead-letters")).body.data).toEqual([]);
    expect(await actionsOf(relay)).toEqual(["dead_letter.dropped done"]);
  });
});

describe("a read token", () => {
  it("sees everything and changes nothing", async () => {
    const relay = new TestRelay();
    await bury(relay, "m1", messageOf([byId("e1", null)]));
    const { body } = await relay.api("POST", "/api/tokens", { name: "reader", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    for (const [path, buttons] of [
      [list, 1],
      [`${list}/m1`, 2],
    ] as const) {
      const html = await (await visitor.get(path)).text();
      expect(html.match(/class="button button-(main|plain|danger)" disabled/g)).toHaveLength(buttons);
    }
    for (const action of ["replay", "delete"]) expect((await visitor.press(`${list}/m1/${action}`)).status).toBe(403);
    expect((await relay.api("GET", "/api/dead-letters")).body.data).toMatchObject([{ id: "m1", replayed_at: null }]);
  });
});
