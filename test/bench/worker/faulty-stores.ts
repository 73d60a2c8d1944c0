import { realWorld } from "../../../src/platform/world.ts";
import type { Bindings } from "../../../src/env.ts";
import type { QueueMessage } from "../../../src/messages.ts";
import { createRelay } from "../../../src/relay.ts";
import { type Intercept, hanging, interceptDatabase, never } from "../../worker/support/database.ts";

/** The relay with faulty stores while it receives. Its consumers have healthy ones. */
const relay = createRelay(realWorld);

/** Longer than the timeout of D1. */
const SLOW_MS = 350;

type FaultyEnv = Bindings & { readonly FAULT: string };

/** A new environment for each request: the relay reads its variables once. */
const faulty = new WeakMap<Bindings, Bindings>();

export default {
  fetch: (request, env, context) => {
    const made = faulty.get(env) ?? makeFaulty(env);
    faulty.set(env, made);
    return relay.fetch(request, made, context);
  },
  queue: (batch, env, context) => relay.queue(batch, env, context),
} satisfies ExportedHandler<FaultyEnv>;

function makeFaulty(env: FaultyEnv): Bindings {
  switch (env.FAULT) {
    case "D1 hangs":
      return { ...env, DB: interceptDatabase(env.DB, hanging) };
    case "the queue hangs":
      return { ...env, EVENTS: queueThatSends(() => never) };
    case "both are slow":
      return {
        ...env,
        DB: interceptDatabase(env.DB, slowly),
        EVENTS: queueThatSends((send) => wait().then(send), env.EVENTS),
      };
    default:
      return env;
  }
}

const slowly: Intercept = (_call, proceed) => wait().then(proceed);

function wait(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SLOW_MS));
}

type Sending = (send: () => Promise<QueueSendResponse>) => Promise<QueueSendResponse>;

function queueThatSends(sending: Sending, queue?: Queue<QueueMessage>): Queue<QueueMessage> {
  const through = (send: (inner: Queue<QueueMessage>) => Promise<QueueSendResponse>) =>
    sending(() => (queue === undefined ? never : send(queue)));
  return {
    send: (body, options) => through((inner) => inner.send(body, options)),
    sendBatch: (messages, options) => through((inner) => inner.sendBatch(messages, options)),
    metrics: () => never,
  };
}
