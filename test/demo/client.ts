import { z } from "zod";
import { RelayClient } from "../../src/cli/relay-client.ts";

const receipt = z.object({ status: z.union([z.string(), z.number()]).optional(), code: z.string().optional() });

/** Calls of a relay: the operator's API, Qonto's webhooks, and public addresses. */
export class PlayedRelay extends RelayClient {
  /** Also while it is degraded. */
  async health(): Promise<unknown> {
    return (await fetch(`${this.url}/health`)).json();
  }

  /** Sends a request as Qonto. Returns the status and the parsed body. */
  async webhook(request: RequestInit): Promise<{ httpStatus: number; body: z.output<typeof receipt> }> {
    const response = await fetch(`${this.url}/webhooks/qonto`, request);
    return { httpStatus: response.status, body: receipt.parse(await response.json()) };
  }
}

const summary = z.object({ id: z.string(), state: z.string() });

/** Waits until no event is pending, or the time is up. */
export async function untilSettled(client: RelayClient, limitMs: number): Promise<z.output<typeof summary>[]> {
  const endAt = Date.now() + limitMs;
  for (;;) {
    const events = await Array.fromAsync(client.list("/api/events", summary, { limit: 100 }));
    if (Date.now() > endAt || events.every(({ state }) => state !== "pending")) return events;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
