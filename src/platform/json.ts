declare global {
  interface JSON {
    /** Stands for a JSON text that `JSON.stringify` writes as it is (ECMAScript 2026). */
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

/**
 * Parses JSON so that `JSON.stringify` writes every number as it was written: money such as `100.00`, or an id beyond 2^53, stays
 * as it is. A leading byte-order mark is skipped. Throws SyntaxError.
 */
export function parseJsonLosslessly(text: string): unknown {
  const json = withoutByteOrderMark(text);
  const keepNumberText: Reviver = (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && numberText(value) !== source ? JSON.rawJSON(source) : value;
  try {
    return JSON.parse(json, keepNumberText as (key: string, value: unknown) => unknown);
  } catch (error) {
    // A reviver recurses, and exhausts the stack in a document that is nested thousands of levels deep. Plain parsing does not.
    if (error instanceof RangeError) return JSON.parse(json);
    throw error;
  }
}

/** Text that may hold a number which is rounded when it is parsed: one of 16 digits, or with a large exponent. */
const mayBeRounded = /[\d.]{16}|\d[eE][+-]?\d{3}/;

/**
 * Parses JSON so that every number has its value with all digits, however it was written: in `parseJsonLosslessly`'s way if need
 * be, which takes ten times as long. Throws SyntaxError.
 */
export function parseJsonByValue(text: string): unknown {
  return mayBeRounded.test(text) ? parseJsonLosslessly(text) : JSON.parse(withoutByteOrderMark(text));
}

/** A text that is parsed, by value, when and if its content is first asked for. Throws SyntaxError then. */
export function lazyJson(text: string): () => unknown {
  let parsed: { readonly value: unknown } | null = null;
  return () => (parsed ??= { value: parseJsonByValue(text) }).value;
}

/**
 * A number as it was written, of what `parseJsonLosslessly` gives; null for anything else, and for one so large that
 * its last digits may have been rounded.
 */
export function numberText(value: unknown): string | null {
  if (JSON.isRawJSON(value)) return JSON.stringify(value);
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? String(value) : null;
}

/** Parses JSON; undefined when it is none. A leading byte-order mark is skipped. */
export function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(withoutByteOrderMark(text));
  } catch {
    return undefined;
  }
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/** Whether parsed JSON is an object; a raw JSON number is none. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** Text of bytes that are valid UTF-8, byte-order mark kept; undefined for others. */
export function tryDecodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The same JSON with the keys of each object in order. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const sorted = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, field]) => [name, sortKeys(field)]));
}
