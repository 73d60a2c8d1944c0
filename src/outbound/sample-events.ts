import { type Destination, matches } from "../domain/destination.ts";
import { type RelayEvent, TEST_PREFIX } from "../domain/event.ts";
import { type OperationalType, operationalSamples, operationalTypes } from "../domain/operational-event.ts";
import { readEvent } from "../qonto/read-event.ts";
import { type SampleType, isSampleType, sampleEvent, sampleTypes, sourceOfType } from "../qonto/sample-event.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import type { World } from "../platform/world.ts";

type AnySampleType = SampleType | OperationalType;

/** The types with a sample that match a destination; the most common one if none does. */
export function sampleTypesFor({ types }: Pick<Destination, "types">): AnySampleType[] {
  const asking = { id: "", enabled: true, types, organizations: null };
  const samples = [...sampleTypes, ...operationalTypes];
  const matching = samples.filter((type) => matches(asking, { type, organizationId: null }));
  return matching.length === 0 ? ["v1/transactions"] : matching;
}

/** A made-up event of a type, as a destination would get it. */
export function sampleFor(
  { organizations }: Pick<Destination, "organizations">,
  type: AnySampleType,
  world: Pick<World, "now" | "randomBytes">,
): RelayEvent {
  const now = world.now();
  const fields = {
    id: makeSortableId(TEST_PREFIX, world),
    created_at: new Date(now).toISOString(),
    ...(organizations === null ? {} : { organization_id: organizations[0] }),
  };
  const event = isSampleType(type) ? sampleEvent(type, fields) : { ...fields, type, data: operationalSamples[type] };
  const body = new TextEncoder().encode(JSON.stringify(event));
  const source = isSampleType(type) ? sourceOfType(type) : "business";
  const read = readEvent(body, { source, contentType: "application/json", contentEncoding: null, receivedAt: now });
  if (read === null) throw new Error(`The sample of ${type} is no event`);
  return read;
}
