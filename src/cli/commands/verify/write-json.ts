import { isObject } from "../../../platform/json.ts";

/** JSON on one line with the separators that a language puts between things. */
export function writeSpaced(value: unknown, comma: string, colon: string): string {
  const write = (part: unknown): string => {
    if (Array.isArray(part)) return `[${part.map(write).join(comma)}]`;
    if (!isObject(part)) return JSON.stringify(part);
    return `{${Object.entries(part)
      .map(([name, field]) => `${JSON.stringify(name)}${colon}${write(field)}`)
      .join(comma)}}`;
  };
  return write(value);
}

export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const sorted = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, field]) => [name, sortKeys(field)]));
}

/** As PHP writes slashes. */
export function escapeSlashes(json: string): string {
  return json.replaceAll("/", "\\/");
}

/** As PHP and Python write what is not ASCII. */
export function escapeUnicode(json: string): string {
  return json.replaceAll(/[\u0080-\uFFFF]/g, codePoint);
}

/** As Go writes what has a meaning in HTML. */
export function escapeHtml(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, codePoint);
}

function codePoint(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
