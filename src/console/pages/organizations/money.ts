import { isObject } from "../../../platform/json.ts";

/** An amount as the bank wrote it, for `Amount`. */
export interface Money {
  readonly value: unknown;
  readonly currency: string | null;
}

/** Longer than any that a bank writes; a part of an amount would be a lie. */
const LONGEST = 64;

/**
 * Reads an amount out of parsed JSON: Qonto writes a number, a text, or an object of one and its currency. Null for what
 * is none.
 */
export function readMoney(json: unknown, currency: unknown = null): Money | null {
  if (isObject(json)) return readMoney(json["value"] ?? json["amount"], json["currency"] ?? currency);
  const isNumber = typeof json === "number" || JSON.isRawJSON(json);
  if (!isNumber && typeof json !== "string") return null;
  const digits = typeof json === "string" ? json : JSON.stringify(json);
  if (digits.trim() === "" || digits.length > LONGEST) return null;
  return { value: json, currency: typeof currency === "string" && currency.length <= LONGEST ? currency : null };
}
