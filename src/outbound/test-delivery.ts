import type { Attempt } from "../domain/delivery.ts";
import { type Destination, matches } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type OperationalType, operationalSamples, operationalTypes } from "../domain/operational-event.ts";
import { readEvent } from "../qonto/read-event.ts";
import { type SampleType, isSampleType, sampleEvent, sampleTypes, sourceOfType } from "../qonto/sample-event.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import type { World } from "../platform/world.ts";
import { type PostContext, post } from "./post.ts";

/** So that a destination does not book a sample. */
const TEST_HEADERS = { "x-relay-test": "true" };

/** Sends one signed sample event, also to a disabled destination. Nothing is recorded. */
export async function sendTest(destination: Destination, context: PostContext): Promise<Attempt> {
  return post(testEvent(destination, context.world), destination, 1, context, TEST_HEADERS);
}

function testEvent(destination: Destination, world: World): RelayEvent {
  const now = world.now();
  const type = typeFor(destination);
  const fields = {
    id: makeSortableId("test", world),
    created_at: new Date(now).toISOString(),
    ...(destination.organizations === null ? {} : { organization_id: destination.organizations[0] }),
  };
  const event = isSampleType(type) ? sampleEvent(type, fields) : { ...fields, type, data: operationalSamples[type] };
  const body = new TextEncoder().encode(JSON.stringify(event));
  const source = isSampleType(type) ? sourceOfType(type) : "business";
  const read = readEvent(body, { source, contentType: "application/json", contentEncoding: null, receivedAt: now });
  if (read === null) throw new Error(`The sample of ${type} is no event`);
  return read;
}

/** The first sample that matches the destination, or else the most common type. */
function typeFor(destination: Destination): SampleType | OperationalType {
  const asking = { ...destination, enabled: true, organizations: null };
  const samples = [...sampleTypes, ...operationalTypes];
  return samples.find((type) => matches(asking, { type, organizationId: null })) ?? "v1/transactions";
}
