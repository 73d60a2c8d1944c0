import { z } from "zod";
import { sampleTypes, sourceOfType } from "../../../qonto/sample-event.ts";
import type { Output } from "../../output.ts";
import type { QontoClient } from "../../qonto-client.ts";

export const PATH = "v2/webhook_subscriptions";

/** A subscription as Qonto shows it, never with its secret. */
export const subscription = z
  .looseObject({
    id: z.string(),
    callback_url: z.string(),
    types: z.array(z.string()),
    description: z.string().nullish(),
    created_at: z.string().nullish(),
  })
  .transform(({ secret: _secret, ...shown }) => shown);

export type Subscription = z.output<typeof subscription>;

export const businessTypes = sampleTypes.filter((type) => sourceOfType(type) === "business");

export const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

/** All of them: Qonto shows those of this user and this client. */
export function listSubscriptions(qonto: QontoClient): AsyncGenerator<Subscription> {
  return qonto.list(PATH, "subscriptions", subscription);
}

export function asTable(subscriptions: readonly Subscription[], output: Output): string {
  if (subscriptions.length === 0) return "There is none. `subscriptions create` makes one.";
  return output.table(
    ["id", "url", "types", "description"],
    subscriptions.map(({ id, callback_url, types, description }) => [
      id,
      callback_url,
      types.join(", "),
      description ?? "",
    ]),
  );
}
