import type { Attempt } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { type PostContext, post } from "./post.ts";
import { sampleFor, sampleTypesFor } from "./sample-events.ts";

/** So that a destination does not book a sample. */
const TEST_HEADERS = { "x-relay-test": "true" };

/** Sends one signed sample event, also to a disabled destination. Nothing is recorded. */
export async function sendTest(destination: Destination, context: PostContext): Promise<Attempt> {
  const [type = "v1/transactions"] = sampleTypesFor(destination);
  const event = sampleFor(destination, type, context.world);
  return post(event, destination, 1, context, TEST_HEADERS);
}
