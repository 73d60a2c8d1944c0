import type { z } from "@hono/zod-openapi";
import type { Destination } from "../../domain/destination.ts";
import { type Format, usualRate } from "../../domain/format.ts";
import { TemplateFault } from "../../outbound/format/fault.ts";
import { renderEvent } from "../../outbound/format/render.ts";
import { sampleFor, sampleTypesFor } from "../../outbound/sample-events.ts";
import type { World } from "../../platform/world.ts";
import { invalidRequest } from "../requests.ts";
import type { destinationChange } from "../schemas/destination.ts";

type Asked = Pick<z.output<typeof destinationChange>, "format" | "template" | "max_per_second">;

type Present = Pick<Destination, "format" | "template" | "maxPerSecond">;

/** What a request makes of a destination's format: only what changes, as `updateDestination` takes it. */
interface FormatChange {
  readonly format?: Format;
  readonly template?: string | null;
  readonly max_per_second?: number | null;
}

export const newFormat: Present = { format: "qonto", template: null, maxPerSecond: null };

/**
 * Completes a change of the format: another format forgets the template, and messages to people get a rate that Slack and
 * Teams take. Throws `invalid_request` when format and template do not fit together.
 */
export function changeFormat(asked: Asked, present: Present): FormatChange {
  if (asked.format === undefined && asked.template === undefined) return {};
  const format = asked.format ?? present.format;
  const template = asked.template === undefined ? (format === "template" ? present.template : null) : asked.template;
  if (format === "template" && template === null) throw templateFault("is needed by the format template");
  if (format !== "template" && template !== null) throw templateFault("is for the format template alone");
  const isRateOpen = format !== present.format && asked.max_per_second === undefined && present.maxPerSecond === null;
  const rate = isRateOpen ? usualRate(format) : null;
  return { format, template, ...(rate === null ? {} : { max_per_second: rate }) };
}

/**
 * Throws `invalid_request`, with the place, when a template gives no JSON for the sample of one of the types that the destination
 * gets: each event of such a type could end as dead.
 */
export async function checkTemplate(
  template: string | null,
  types: readonly string[],
  world: Pick<World, "now" | "randomBytes">,
): Promise<void> {
  if (template === null) return;
  for (const type of sampleTypesFor({ types })) {
    const event = sampleFor({ organizations: null }, type, world);
    const rendered = await renderEvent(event, { format: "template", template, relayUrl: null });
    if (rendered instanceof TemplateFault) throw templateFault(`cannot be used for ${type}: ${rendered.message}`);
  }
}

function templateFault(message: string) {
  return invalidRequest([{ path: "template", message }]);
}
