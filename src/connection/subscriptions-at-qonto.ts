import { z } from "zod";
import type { World } from "../platform/world.ts";
import { type Page, type QontoClient, QontoRefusal } from "../qonto/api-client.ts";
import { type Budget, ConnectionFault, hasBudget } from "./context.ts";

const PATH = "/v2/webhook_subscriptions";

const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

/** `enabled` and `status` are not documented. Only what plainly says that nothing is delivered is read as that. */
const listedSubscription = z
  .object({
    id: z.string().min(1),
    callback_url: z.string(),
    types: z.array(z.string()),
    description: z.string().nullish(),
    enabled: z.unknown().optional(),
    status: z.unknown().optional(),
  })
  .transform(({ id, callback_url, types, description, enabled, status }) => ({
    id,
    callbackUrl: callback_url,
    types,
    description: description ?? null,
    isActive: enabled !== false && !inactiveStates.has(String(status).toLowerCase()),
  }));

const inactiveStates: ReadonlySet<string> = new Set([
  "disabled",
  "inactive",
  "deactivated",
  "suspended",
  "paused",
  "blocked",
  "failed",
]);

/** A webhook subscription as Qonto shows it. */
export type ListedSubscription = Readonly<z.output<typeof listedSubscription>>;

/** What a subscription is to be. Qonto replaces one whole, the secret too. */
export interface SubscriptionContent {
  readonly callbackUrl: string;
  readonly types: readonly string[];
  readonly secret: string;
  readonly description: string;
}

/** The list contradicts itself, or what Qonto says of one subscription: something may be missing from it. */
export class UnreliableList extends ConnectionFault {
  override readonly name = "UnreliableList";
  override readonly message = "Qonto's list of webhook subscriptions was not complete, so nothing was changed.";
}

/** What may be spent is spent. The work goes on in the next run. */
export class OutOfBudget extends Error {
  override readonly name = "OutOfBudget";
}

/**
 * The subscriptions of one member of an organization and one application, within a budget. Each call throws QontoRefusal,
 * QontoUnavailable or OutOfBudget.
 */
export class SubscriptionsAtQonto {
  readonly #qonto: QontoClient;
  readonly #budget: Budget;
  readonly #world: Pick<World, "now">;

  constructor(qonto: QontoClient, budget: Budget, world: Pick<World, "now">) {
    this.#qonto = qonto;
    this.#budget = budget;
    this.#world = world;
  }

  /** All of them. Throws UnreliableList too, where Qonto counts others than it shows. */
  async list(): Promise<readonly ListedSubscription[]> {
    const found = new Map<string, ListedSubscription>();
    const totals = new Set<number>();
    for (let page: number | null = 1; page !== null;) {
      this.#spend();
      const read: Page<ListedSubscription> = await this.#qonto.page(PATH, "subscriptions", listedSubscription, {
        page,
      });
      for (const one of read.items) found.set(one.id, one);
      if (read.total !== null) totals.add(read.total);
      page = read.nextPage;
    }
    for (const total of totals) if (total !== found.size) throw new UnreliableList();
    return [...found.values()];
  }

  /** Whether Qonto has one, whatever the list says. */
  async has(id: string): Promise<boolean> {
    this.#spend();
    return unlessUnknown(this.#qonto.get(pathOf(id), listedSubscription));
  }

  async create(content: SubscriptionContent): Promise<ListedSubscription> {
    this.#spend();
    return this.#qonto.post(PATH, bodyOf(content), listedSubscription);
  }

  async replace(id: string, content: SubscriptionContent): Promise<ListedSubscription> {
    this.#spend();
    return this.#qonto.put(pathOf(id), bodyOf(content), listedSubscription);
  }

  /** Also when it is gone already. */
  async delete(id: string): Promise<void> {
    this.#spend();
    await unlessUnknown(this.#qonto.delete(pathOf(id)));
  }

  #spend(): void {
    if (!hasBudget(this.#budget, this.#world.now())) throw new OutOfBudget();
    this.#budget.requests -= 1;
  }
}

function bodyOf({ callbackUrl, types, secret, description }: SubscriptionContent) {
  return { callback_url: callbackUrl, types, secret, description };
}

/** False when Qonto says that it does not know what a call is about. */
async function unlessUnknown(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof QontoRefusal && error.status === 404) return false;
    throw error;
  }
}
