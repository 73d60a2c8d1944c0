import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { read, withoutTags } from "./reading.ts";
import { isVerified } from "./verify-as-destination.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const HOOK = "https://accounting.example.com/hook";

describe("the list of destinations", () => {
  it("says what to do while it is empty", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()), "/console/destinations");
    expect(text).toContain("No destinations yet Add the first destination");
  });

  it("shows each destination with its host, state, types and pending deliveries", async () => {
    const relay = new TestRelay();
    await relay.addDestination(HOOK, { description: "Accounting", types: ["v1/transactions"] });
    await relay.addDestination("https://fraud.example.com/hook?key=k3y", { description: "Fraud desk" });
    await relay.addDestination("https://stock.example.com/hook", { enabled: false });
    relay.destinations.answer("https://fraud.example.com/hook?key=k3y", statuses(500));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    const text = await read(visitor, "/console/destinations");
    expect(text).toContain("3 destinations: Fraud desk is failing. 1 is paused.");
    expect(text).toMatch(/Accounting ● Healthy accounting\.example\.com v1\/transactions/);
    expect(text).toMatch(/Fraud desk ▲ Failing fraud\.example\.com All types/);
    expect(text).toMatch(/stock\.example\.com ○ Paused/);
    expect(await (await visitor.get("/console/destinations")).text()).not.toContain("k3y");
  });

  it("is paged", async () => {
    const relay = new TestRelay();
    for (let destination = 0; destination < 52; destination += 1) {
      await relay.addDestination(`https://destination-${destination}.example.com/hook`);
      relay.passSeconds(1);
    }
    const visitor = await Visitor.loggedIn(relay);
    const first = await (await visitor.get("/console/destinations")).text();
    expect(first).not.toContain("destination-51.");
    const next = /href="([^"]+cursor=[^"]+)"/.exec(first)?.[1] ?? "";
    const second = await read(visitor, next);
    expect(second).toContain("destination-51.");
    expect(second).not.toContain("destination-49.");
    expect(await callsOf(relay, "/console/destinations")).toBeLessThanOrEqual(MOST_CALLS);
  });

  it("refuses an unknown query with 400", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    for (const query of ["?cursor=x", "?other=1"]) {
      expect((await visitor.get(`/console/destinations${query}`)).status).toBe(400);
    }
  });
});

describe("adding a destination", () => {
  const fields = { url: HOOK, description: "Accounting", scope: "all", enabled: "yes" };

  async function newId(visitor: Visitor): Promise<string> {
    const html = await (await visitor.get("/console/destinations/new")).text();
    return /name="id" value="([^"]+)"/.exec(html)?.[1] ?? "";
  }

  async function add(visitor: Visitor, changes: Record<string, string> = {}): Promise<Response> {
    const id = await newId(visitor);
    return visitor.press("/console/destinations/new", { id, ...fields, ...changes });
  }

  it("shows its secret once, and how to verify with it", async () => {
    const relay = new TestRelay();
    const visitor = await Visitor.loggedIn(relay);
    const response = await add(visitor);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const html = await response.text();
    const secret = /whsec_[\w+/]{43}=/.exec(html)?.[0] ?? "";
    expect(html).toContain(`<code id="secret">${secret}</code>`);
    for (const name of ["Node", "Python", "Go", "PHP", "Ruby"]) expect(html).toContain(`<summary>${name}</summary>`);
    const { body } = await relay.api("GET", "/api/destinations");
    expect(body.data).toMatchObject([
      { url: HOOK, description: "Accounting", types: [], organizations: null, enabled: true, timeout_ms: 10_000 },
    ]);
    expect(await (await visitor.get(`/console/destinations/${body.data[0].id}`)).text()).not.toContain("whsec_");
    const audit = await relay.api("GET", "/api/audit");
    expect(audit.body.data[0]).toMatchObject({
      action: "destination.created",
      subject: body.data[0].id,
      outcome: "done",
    });
  });

  it("takes every field of the API", async () => {
    const relay = new TestRelay();
    await add(await Visitor.loggedIn(relay), {
      scope: "some",
      types: "v1/transactions",
      other_types: "registrations.*, v1/new",
      organizations: "org-1\norg-2",
      retry_schedule_seconds: "1, 5 60",
      timeout_ms: "2000",
      max_per_second: "2.5",
      enabled: "",
    });
    const { body } = await relay.api("GET", "/api/destinations");
    expect(body.data).toMatchObject([
      {
        types: ["v1/transactions", "registrations.*", "v1/new"],
        organizations: ["org-1", "org-2"],
        retry_schedule_seconds: [1, 5, 60],
        timeout_ms: 2_000,
        max_per_second: 2.5,
        enabled: false,
      },
    ]);
  });

  it("makes one destination of a form that is sent twice", async () => {
    const relay = new TestRelay();
    const visitor = await Visitor.loggedIn(relay);
    const id = await newId(visitor);
    expect((await visitor.press("/console/destinations/new", { id, ...fields })).status).toBe(200);
    const again = await visitor.press("/console/destinations/new", { id, ...fields });
    expect(again.status).toBe(303);
    const location = again.headers.get("location") ?? "";
    expect(location).toBe(`/console/destinations/${id}?done=destination-created-before`);
    expect(await read(visitor, location)).toContain("This form was already sent, and its destination exists.");
    expect((await relay.api("GET", "/api/destinations")).body.data).toHaveLength(1);
  });

  it("shows the valid secret to one of two forms that are sent at once", async () => {
    const relay = new TestRelay();
    const visitor = await Visitor.loggedIn(relay);
    const id = await newId(visitor);
    const send = () => visitor.press("/console/destinations/new", { id, ...fields });
    const answers = await Promise.all([send(), send()]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 303]);
    const shown = await answers.find(({ status }) => status === 200)?.text();
    const secret = /whsec_[\w+/]{43}=/.exec(shown ?? "")?.[0] ?? "";
    await visitor.press(`/console/destinations/${id}/test`);
    const [request] = relay.destinations.at(HOOK);
    expect(isVerified(request, secret)).toBe(true);
  });

  it.each([
    [{ url: "" }, "Give the URL of the destination"],
    [{ url: "http://accounting.example.com" }, "The URL must start with https://."],
    [{ url: "https://127.0.0.1/hook" }, "The URL must lead to a public host."],
    [{ url: "nonsense" }, "This is no URL"],
    [{ scope: "some" }, "Choose at least one type, or all types."],
    [{ scope: "some", other_types: "," }, "Choose at least one type, or all types."],
    [{ scope: "some", other_types: "v1/*/x" }, "a * at its end or nowhere"],
    [{ retry_schedule_seconds: "1, soon" }, "Give at most 50 whole numbers of seconds"],
    [{ timeout_ms: "99" }, "Give a whole number of milliseconds, from 100 to 30000."],
    [{ max_per_second: "many" }, "Give a number from 0.01 to 1000."],
    [{ organizations: "x".repeat(256) }, "An organization's id has at most 255 characters."],
  ])("explains a fault at its field, and keeps what was typed: %j", async (changes, sentence) => {
    const relay = new TestRelay();
    const response = await add(await Visitor.loggedIn(relay), { description: "Kept as <typed>", ...changes });
    expect(response.status).toBe(400);
    const html = await response.clone().text();
    expect(html).toContain("Kept as &lt;typed&gt;");
    const typed = Object.entries(changes).filter(([name, value]) => name !== "scope" && value !== "");
    for (const [, value] of typed) expect(html).toContain(value);
    expect(html).toMatch(/class="fault" id="\w+-fault"/);
    expect(withoutTags(await response.text())).toContain(sentence);
    expect((await relay.api("GET", "/api/destinations")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/audit")).body.data).toEqual([]);
  });

  it("is refused to a read token", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    expect(await (await visitor.get("/console/destinations/new")).text()).toMatch(/<button[^>]* disabled/);
    expect((await add(visitor)).status).toBe(403);
    expect((await relay.api("GET", "/api/destinations")).body.data).toEqual([]);
  });
});
