import type { Source } from "../domain/event.ts";
import samples from "./samples.json" with { type: "json" };

/** A type of the catalogue, of either of Qonto's systems. */
export type SampleType = keyof typeof samples;

export const sampleTypes = Object.keys(samples) as SampleType[];

export function isSampleType(type: string): type is SampleType {
  return Object.hasOwn(samples, type);
}

/** An event as Qonto writes them. */
export interface SampleEvent {
  readonly id: string;
  readonly created_at: string;
  readonly [field: string]: unknown;
}

/** A made-up event of a type, with the fields and the kinds of values that Qonto's have; with other fields as asked. */
export function sampleEvent(type: SampleType, changes: { readonly [field: string]: unknown } = {}): SampleEvent {
  return { ...structuredClone(samples[type]), ...changes };
}

/** Which of Qonto's systems sends a type. */
export function sourceOfType(type: string): Source {
  return type.startsWith("v1/") ? "business" : "onboarding";
}
