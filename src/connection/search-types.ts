import { QontoRefusal } from "../qonto/api-client.ts";
import type { DesiredSubscription } from "./subscription-plan.ts";
import { type ListedSubscription, OutOfBudget, type SubscriptionsAtQonto } from "./subscriptions-at-qonto.ts";

/**
 * Qonto refuses a subscription whole, perhaps for one of its types. The search lets one subscription grow by halves of the types
 * that are left, so that there is never a second one, and none of the desired types that it has is taken from it.
 */
export class TypeSearch {
  readonly #desired: DesiredSubscription;
  readonly #atQonto: SubscriptionsAtQonto;
  /** The one that there is; null: none yet. */
  #current: ListedSubscription | null;
  #taken: readonly string[] = [];
  readonly #refused: string[] = [];

  constructor(current: ListedSubscription | null, desired: DesiredSubscription, atQonto: SubscriptionsAtQonto) {
    this.#current = current;
    this.#desired = desired;
    this.#atQonto = atQonto;
  }

  /** The types that Qonto is known not to take. While it has taken none, a refusal may be about something else. */
  get refused(): readonly string[] {
    return this.#taken.length > 0 ? this.#refused : [];
  }

  /** Subscribes to all the types that Qonto takes. Throws its refusal where it takes none, or not those that it has already. */
  async subscribe(): Promise<ListedSubscription> {
    const { types } = this.#desired;
    try {
      return await this.#write(types);
    } catch (error) {
      if (!(error instanceof QontoRefusal) || !isOfContent(error) || types.length === 1) throw error;
      return this.#search(error);
    }
  }

  async #search(refusal: QontoRefusal): Promise<ListedSubscription> {
    const had = new Set(this.#current?.types);
    const former = this.#desired.types.filter((type) => had.has(type));
    const further = this.#desired.types.filter((type) => !had.has(type));
    if (former.length > 0 && (further.length === 0 || !(await this.#takes(former)))) throw refusal;
    try {
      await this.#divide(further);
    } catch (error) {
      // A refusal of everything costs more than a budget, and the next run would begin it again.
      if (error instanceof OutOfBudget && this.#taken.length === 0) throw refusal;
      throw error;
    }
    if (this.#current === null || this.#taken.length === 0) throw refusal;
    return this.#current;
  }

  /** Qonto refuses these types together with those that it has taken. */
  async #divide(types: readonly string[]): Promise<void> {
    if (types.length === 1) {
      this.#refused.push(...types);
      return;
    }
    const middle = Math.ceil(types.length / 2);
    for (const half of [types.slice(0, middle), types.slice(middle)]) {
      if (!(await this.#takes(half))) await this.#divide(half);
    }
  }

  /** Whether Qonto takes these types together with those that it has taken. */
  async #takes(types: readonly string[]): Promise<boolean> {
    const together = [...this.#taken, ...types];
    try {
      this.#current = await this.#write(together);
      this.#taken = together;
      return true;
    } catch (error) {
      if (error instanceof QontoRefusal && isOfContent(error)) return false;
      throw error;
    }
  }

  #write(types: readonly string[]): Promise<ListedSubscription> {
    const content = { ...this.#desired, types };
    if (this.#current === null) return this.#atQonto.create(content);
    return this.#atQonto.replace(this.#current.id, content);
  }
}

/** Statuses with which Qonto refuses what a subscription is to be, perhaps for one of its types: 403 for a type's scope. */
const OF_CONTENT: readonly number[] = [400, 403, 422];

function isOfContent({ status }: QontoRefusal): boolean {
  return OF_CONTENT.includes(status);
}
