import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, hang, ok, okAfter } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

/** A connection that ends after so long, before a byte of an answer has come. */
const lostAfter =
  (ms: number): Answer =>
  async (...request) => {
    await okAfter(ms)(...request);
    // As workerd words it: test/node/outbound.
    throw new Error("Network connection lost.");
  };

/** Gives one answer after another, the last one for ever. */
function inTurn(...answers: [Answer, ...Answer[]]): Answer {
  const [first, ...others] = answers;
  let next = [first, ...others];
  return (...request) => {
    const [answer = first, ...rest] = next;
    if (rest.length > 0) next = rest;
    return answer(...request);
  };
}

async function deliver(answer: Answer, settings: object = {}) {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(url, settings);
  relay.destinations.answer(url, answer);
  const payload = makePayload("v1/cards");
  await relay.send(payload);
  await relay.runQueues();
  const { body } = await relay.api("GET", `/api/events/${payload.id}`);
  const { health } = (await relay.api("GET", `/api/destinations/${id}`)).body;
  return { requests: relay.destinations.at(url), delivery: body.deliveries[0], health };
}

describe("a request whose connection is lost before an answer comes", () => {
  it("is made once more at once, byte for byte, as one attempt that does not count against the destination", async () => {
    const { requests, delivery, health } = await deliver(inTurn(lostAfter(1), ok));
    expect(delivery).toMatchObject({
      status: "delivered",
      attempts: [{ attempt: 1, outcome: "delivered", status: 200 }],
    });
    expect(delivery.attempts).toHaveLength(1);
    expect(health).toMatchObject({ state: "healthy", consecutive_failures: 0, last_failure_at: null });
    const [first, second] = requests.map(({ headers, text }) => ({ headers: [...headers], text }));
    expect(requests).toHaveLength(2);
    expect(second).toEqual(first);
  });

  it("is made no third time: the attempt has failed", async () => {
    const { requests, delivery } = await deliver(lostAfter(1));
    expect(requests).toHaveLength(2);
    expect(delivery).toMatchObject({ status: "pending", attempts: [{ attempt: 1, outcome: "unreachable" }] });
    expect(delivery.attempts).toHaveLength(1);
  });

  it("has what is left of the destination's time limit", async () => {
    const { requests, delivery } = await deliver(inTurn(lostAfter(400), hang), { timeout_ms: 500 });
    expect(requests).toHaveLength(2);
    expect(delivery.attempts).toMatchObject([{ outcome: "timed_out", duration_ms: 500 }]);
  });

  it("says what the second answer was", async () => {
    const { delivery } = await deliver(inTurn(lostAfter(1), () => new Response("no", { status: 500 })));
    expect(delivery.attempts).toMatchObject([{ outcome: "rejected", status: 500, response_excerpt: "no" }]);
  });
});

it.each([
  ["a DNS fault", "internal error; reference = bbs9ruder593t9rknk36gpsb"],
  ["a certificate that is not trusted", "TLS peer's certificate is not trusted; reason = self signed certificate"],
])("a request that fails by %s is not made again at once", async (_title, message) => {
  const { requests, delivery } = await deliver(() => {
    throw new Error(message);
  });
  expect(requests).toHaveLength(1);
  expect(delivery.attempts).toMatchObject([{ outcome: "unreachable" }]);
});

it("a request that times out is not made again at once", async () => {
  const { requests, delivery } = await deliver(hang, { timeout_ms: 500 });
  expect(requests).toHaveLength(1);
  expect(delivery.attempts).toMatchObject([{ outcome: "timed_out" }]);
});
