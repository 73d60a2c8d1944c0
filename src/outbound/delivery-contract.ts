interface DeliveryHeader {
  readonly description: string;
  readonly example: string;
  /** On every delivery. */
  readonly isAlways: boolean;
}

/**
 * The headers of a delivery beside those that describe its body, in Markdown: for the page for receivers and for the API's
 * document.
 */
export const deliveryHeaders: Readonly<Record<string, DeliveryHeader>> = {
  "webhook-id": {
    description: "The event's id: the same on every attempt and every replay.",
    example: "123e4567-e89b-12d3-a456-426614174000",
    isAlways: true,
  },
  "webhook-timestamp": {
    description: "Unix seconds of this attempt.",
    example: "1764000000",
    isAlways: true,
  },
  "webhook-signature": {
    description:
      "[Standard Webhooks](https://www.standardwebhooks.com): `v1,` and base64. While a secret is being rotated, one signature for each valid secret, separated by spaces, the newest first.",
    example: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    isAlways: true,
  },
  "x-qonto-signature": {
    description:
      "`t=…,v1=…` as Qonto signs, with your whole secret as the key: a handler that was written for Qonto works unchanged. While a secret is being rotated, with the oldest one until its overlap ends.",
    example: "t=1764000000,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805",
    isAlways: true,
  },
  "x-relay-event-type": {
    description:
      "For example `v1/transactions` or `registrations.completed`. If the operator has asked for it, `relay.connection.lost` and others tell of the relay itself, in the same form.",
    example: "v1/transactions",
    isAlways: true,
  },
  "x-relay-attempt": { description: "1, 2, and so on.", example: "1", isAlways: true },
  "x-relay-resource-version": {
    description:
      "The version of the resource, a text. Keep the event with the greater one (compared as bytes) for each organization, type and resource id, and no order of arrival can spoil your copy. Absent: the event is about no resource.",
    example: "063904935500.000000000|063904935500.000000000|01|123e4567-e89b-12d3-a456-426614174000",
    isAlways: false,
  },
  "x-relay-superseded": {
    description: "`true` if the relay already knew a newer version of the resource at the time of this attempt.",
    example: "true",
    isAlways: false,
  },
  "x-relay-reconciled": {
    description:
      "`true` if the webhook never arrived and the event was made from Qonto's API. Its `webhook-id` begins with `reconciled_`, it has no `subscription_id` and no `membership_id`, and its `data` has the fields that the API lists.",
    example: "true",
    isAlways: false,
  },
  "x-relay-test": {
    description: "`true` if the operator sent a sample event. Its `webhook-id` begins with `test_`. Do not book it.",
    example: "true",
    isAlways: false,
  },
};

/** The headers beside those of the list, which the operator chooses. In Markdown, as there. */
export const ownHeaders =
  "Headers that the operator has set for your destination, such as `authorization`. They replace none of the relay's.";
