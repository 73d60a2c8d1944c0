import { z } from "zod";
import type { RelayEvent, Source } from "../domain/event.ts";
import { type Instant, parseInstant } from "../domain/instant.ts";
import { isObject, numberText, parseJsonLosslessly, tryParseJson } from "../platform/json.ts";
import { bareEventName, rulesOf } from "./catalogue.ts";

/** The fields that every event has. */
export interface Envelope extends Pick<RelayEvent, "id" | "type" | "event" | "organizationId" | "resourceId"> {
  readonly createdAt: Instant | null;
  /** The resource as the event shows it; empty where the sender names it only. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** An id and a type travel on as header values: visible ASCII, of a sane length. */
const token = z.string().regex(/^[\x21-\x7e]{1,255}$/);

/** An odd value counts as absent: nothing but a bad id or type makes an event unreadable. */
const word = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => text.isWellFormed());
const name = word.nullable().catch(null);

const businessEnvelope = z
  .object({
    id: token,
    type: token,
    organization_id: z.unknown().optional(),
    created_at: z.unknown().optional(),
    data: z.custom<Record<string, unknown>>(isObject).catch({}),
  })
  .transform(({ id, type, organization_id, created_at, data }): Envelope => {
    const idField = rulesOf(type).resourceId;
    return {
      id,
      type,
      event: name.parse(data["event"]),
      organizationId: readId(organization_id),
      resourceId: idField === null ? null : readId(data[idField] ?? data["id"]),
      createdAt: parseInstant(created_at),
      data,
    };
  });

const onboardingEnvelope = z
  .object({
    id: token,
    event_type: token,
    resource_id: z.unknown().optional(),
    created_at: z.unknown().optional(),
  })
  .transform(({ id, event_type, resource_id, created_at }): Envelope => ({
    id,
    type: event_type,
    event: bareEventName(event_type),
    organizationId: null,
    resourceId: readId(resource_id),
    createdAt: parseInstant(created_at),
    data: {},
  }));

/** Parses a body for `readEnvelope`; undefined when it is no JSON. An id that is a number keeps all its digits. */
export function parseBody(text: string): unknown {
  const json = tryParseJson(text);
  const mayHoldIds = isObject(json) ? [json, json["data"]] : [];
  // Parsing losslessly takes several times as long, and Qonto's ids are texts.
  return mayHoldIds.some(hasNumberAsId) ? parseJsonLosslessly(text) : json;
}

function hasNumberAsId(fields: unknown): boolean {
  return isObject(fields) && Object.keys(fields).some((key) => typeof fields[key] === "number" && /(^|_)id$/.test(key));
}

/** An id that is a text, or a number with the digits with which it was written; null for anything else. */
export function readId(value: unknown): string | null {
  return word.safeParse(numberText(value) ?? value).data ?? null;
}

/** Reads a parsed body as an event of Qonto's; null without a usable id or type. */
export function readEnvelope(source: Source, json: unknown): Envelope | null {
  return (source === "business" ? businessEnvelope : onboardingEnvelope).safeParse(json).data ?? null;
}

/** Type and organization of a body that may lack everything else; null where it has no usable one. */
export function readAddress(source: Source, json: unknown): { type: string | null; organizationId: string | null } {
  if (!isObject(json)) return { type: null, organizationId: null };
  const type = token.safeParse(source === "business" ? json["type"] : json["event_type"]).data ?? null;
  return { type, organizationId: source === "business" ? readId(json["organization_id"]) : null };
}
