import { parseInstant } from "../../../domain/instant.ts";
import { isObject } from "../../../platform/json.ts";
import type { Item } from "./item.ts";

/** Fields of a webhook's `data` that no thing has: what happened to it, and when. */
const notOfTheThing = ["event", "updated_at"];

/**
 * Names of the fields that both sides know and that differ. Webhook and API show some of a thing's fields each, so what
 * only one of them shows says nothing; and they write the same in different ways: amounts as texts or as numbers, instants
 * with or without fractions or a zone.
 */
export function differingFields(one: Item, other: Item): string[] {
  return sharedKeys(one, other).filter((key) => !notOfTheThing.includes(key) && !isSame(one[key], other[key]));
}

function sharedKeys(one: object, other: object): string[] {
  return Object.keys(one).filter((key) => Object.hasOwn(other, key));
}

function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((element, index) => isSame(element, other[index]));
  }
  if (isObject(one) && isObject(other)) return sharedKeys(one, other).every((key) => isSame(one[key], other[key]));
  const [text, otherText] = [textOf(one), textOf(other)];
  if (text === null || otherText === null) return one === other;
  // Two numbers are no instants: seconds and milliseconds of the same one are different amounts.
  const isSameValue = [text, otherText].every(isNumber) ? isSameNumber : isSameInstant;
  return text === otherText || isSameValue(text, otherText);
}

/** A text, or a number as it was written. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || JSON.isRawJSON(value) ? JSON.stringify(value) : null;
}

function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}

function isSameNumber(one: string, other: string): boolean {
  return withoutZeros(one) === withoutZeros(other);
}

function withoutZeros(number: string): string {
  const whole = number.replace(/^(-?)0+(?=\d)/, "$1");
  return whole.includes(".") ? whole.replace(/\.?0+$/, "") : whole;
}

function isSameInstant(one: string, other: string): boolean {
  const instant = parseInstant(one);
  return instant !== null && instant.sortKey === parseInstant(other)?.sortKey;
}
