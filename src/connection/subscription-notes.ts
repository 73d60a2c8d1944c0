import { announceOperationalEvent } from "../announce.ts";
import type { OperationalEvent } from "../domain/operational-event.ts";
import { noteSubscriptions } from "../store/connection-subscriptions.ts";
import type { Connection, ConnectionSubscription, RefusedTypes } from "../store/connections.ts";
import type { ConnectionContext } from "./context.ts";
import { notedRefusal } from "./refused-types.ts";

/** What a check of a connection's subscriptions has seen and done so far. It is written more than once: the next step may fail. */
export class SubscriptionNotes {
  subscriptions: readonly ConnectionSubscription[];
  refused: RefusedTypes | null;
  /** To be told with them, once. */
  restored: OperationalEvent | null = null;
  #connection: Connection;
  readonly #context: ConnectionContext;

  constructor(connection: Connection, context: ConnectionContext) {
    this.#connection = connection;
    this.#context = context;
    this.subscriptions = connection.subscriptions;
    this.refused = notedRefusal(connection.subscriptions);
  }

  /** `dueAt`: of the next check. */
  async write(dueAt: number): Promise<void> {
    const { env, world } = this.#context;
    const { restored } = this;
    const subscriptions = this.subscriptions.map((one) => this.#complete(one));
    await noteSubscriptions(env.DB, this.#connection, { subscriptions, dueAt, restored });
    if (restored !== null) await announceOperationalEvent(env, restored.id, world);
    this.restored = null;
    this.#connection = { ...this.#connection, subscriptions, subscriptionsDueAt: dueAt };
  }

  /** Health says how long one has been missing, or not as it should be. */
  #complete(one: ConnectionSubscription): ConnectionSubscription {
    const { subscriptions: before } = this.#connection;
    if (one.status === "foreign") return one;
    const refused = this.refused ?? undefined;
    if (one.status === "active") {
      return { ...before.find(({ id, status }) => id === one.id && status === "active"), ...one, refused };
    }
    const { missingSince } = before.find(({ status }) => status === "missing") ?? {};
    return { ...one, refused, missingSince: missingSince ?? this.#context.world.now() };
  }
}
