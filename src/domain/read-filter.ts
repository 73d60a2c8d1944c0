import { type Condition, type Filter, type Literal, type Test, isJsonObject, numberText } from "./filter.ts";

/** The limits of a filter. */
export const MAX_FILTER_BYTES = 8_192;
export const MAX_FILTER_CONDITIONS = 64;
export const MAX_FILTER_LEVELS = 8;

/** What is wrong, at the keys and indexes that lead there. */
interface FilterFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ReadFilter =
  | { readonly filter: Filter; readonly faults: readonly [] }
  | { readonly filter: null; readonly faults: readonly FilterFault[] };

/** Reads a filter from parsed JSON, or says all that is wrong with it. What evaluation costs is bounded here. */
export function readFilter(json: unknown): ReadFilter {
  const reading: Reading = { faults: [], conditions: 0 };
  const condition = readObject(json, [], 0, reading);
  if (reading.conditions > MAX_FILTER_CONDITIONS) {
    refuse(reading, [], `has more than ${MAX_FILTER_CONDITIONS} conditions`);
  }
  // An object that is too deep or too long to be written has been refused by now.
  if (reading.faults.length === 0 && new TextEncoder().encode(JSON.stringify(json)).length > MAX_FILTER_BYTES) {
    refuse(reading, [], `is longer than ${MAX_FILTER_BYTES} bytes`);
  }
  if (reading.faults.length > 0 || !isJsonObject(json)) return { filter: null, faults: reading.faults };
  return { filter: { json, condition }, faults: [] };
}

/** What is known while a filter is read. */
interface Reading {
  readonly faults: FilterFault[];
  conditions: number;
}

type Path = FilterFault["path"];

/** Stands where a filter is refused. */
const NOTHING: Condition = { kind: "all", conditions: [] };

/** More faults help nobody. */
const MOST_FAULTS = 20;

function refuse({ faults }: Reading, path: Path, message: string): void {
  if (faults.length < MOST_FAULTS) faults.push({ path, message });
}

/** `level`: how many `$and`, `$or` and `$not` are around it. */
function readObject(json: unknown, path: Path, level: number, reading: Reading): Condition {
  if (!isJsonObject(json)) {
    refuse(reading, path, "must be an object of conditions");
    return NOTHING;
  }
  const conditions: Condition[] = [];
  for (const [key, value] of Object.entries(json)) {
    // A filter of a million conditions is not read to its end.
    if (reading.conditions > MAX_FILTER_CONDITIONS) break;
    conditions.push(readEntry(key, value, [...path, key], level, reading));
  }
  return { kind: "all", conditions };
}

function readEntry(key: string, value: unknown, path: Path, level: number, reading: Reading): Condition {
  if (!key.startsWith("$")) return readField(key, value, path, level, reading);
  if (key !== "$and" && key !== "$or" && key !== "$not") {
    refuse(reading, path, "is no operator here: conditions combine by $and, $or and $not");
    return NOTHING;
  }
  if (isTooDeep(path, level, reading)) return NOTHING;
  if (key === "$not") return { kind: "not", condition: readObject(value, path, level + 1, reading) };
  const conditions: Condition[] = [];
  if (!Array.isArray(value) || value.length === 0) refuse(reading, path, "must be a list of one filter or more");
  else {
    for (const [index, one] of value.entries()) {
      if (reading.conditions > MAX_FILTER_CONDITIONS) break;
      conditions.push(readObject(one, [...path, index], level + 1, reading));
    }
  }
  return { kind: key === "$and" ? "all" : "any", conditions };
}

function isTooDeep(path: Path, level: number, reading: Reading): boolean {
  const isTooDeepHere = level >= MAX_FILTER_LEVELS;
  if (isTooDeepHere) refuse(reading, path, `is nested more than ${MAX_FILTER_LEVELS} levels deep`);
  return isTooDeepHere;
}

function readField(field: string, value: unknown, path: Path, level: number, reading: Reading): Condition {
  const keys = readKeys(field);
  if (keys.includes("")) refuse(reading, path, "is no path: a key in it is empty");
  if (isJsonObject(value) && Object.hasOwn(value, "$not")) {
    const { $not: denied, ...others } = value;
    if (isTooDeep(path, level, reading)) return NOTHING;
    const not: Condition = {
      kind: "not",
      condition: readField(field, denied, [...path, "$not"], level + 1, reading),
    };
    if (Object.keys(others).length === 0) return not;
    return { kind: "all", conditions: [readField(field, others, path, level, reading), not] };
  }
  return { kind: "field", path: field, keys, tests: readTests(value, path, reading) };
}

/** The keys of a path, which dots separate. A backslash takes the dot, dollar or backslash after it as part of a key. */
function readKeys(field: string): string[] {
  const keys = [""];
  for (const [part, escaped] of field.matchAll(/\\(.)|[^]/gsu)) {
    if (part === ".") keys.push("");
    else keys.push((keys.pop() ?? "") + (escaped ?? part));
  }
  return keys;
}

function readTests(value: unknown, path: Path, reading: Reading): Test[] {
  if (!isJsonObject(value)) {
    reading.conditions += 1;
    const literal = readLiteral(value, path, reading);
    return literal === null ? [] : [{ operator: "$eq", literal }];
  }
  const entries = Object.entries(value);
  if (entries.length === 0) refuse(reading, path, "must name an operator, such as $gte");
  const tests: Test[] = [];
  for (const [operator, operand] of entries) {
    reading.conditions += 1;
    if (reading.conditions > MAX_FILTER_CONDITIONS) break;
    const test = readTest(operator, operand, [...path, operator], reading);
    if (test !== null) tests.push(test);
  }
  return tests;
}

function readTest(operator: string, operand: unknown, path: Path, reading: Reading): Test | null {
  switch (operator) {
    case "$eq":
    case "$ne": {
      const literal = readLiteral(operand, path, reading);
      return literal && { operator, literal };
    }
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte": {
      if (typeof operand !== "string" && numberText(operand) === null) {
        return refused(reading, path, "must be a number or a text");
      }
      const literal = readLiteral(operand, path, reading);
      return literal && { operator, literal };
    }
    case "$in":
    case "$nin": {
      if (!Array.isArray(operand) || operand.length === 0) {
        return refused(reading, path, "must be a list of one value or more");
      }
      const literals = operand.map((one, index) => readLiteral(one, [...path, index], reading));
      return { operator, literals: literals.filter((literal) => literal !== null) };
    }
    case "$exists":
      return typeof operand === "boolean"
        ? { operator, isExpected: operand }
        : refused(reading, path, "must be true or false");
    case "$startsWith":
    case "$endsWith":
    case "$contains":
      return typeof operand === "string" && operand !== ""
        ? { operator, text: operand }
        : refused(reading, path, "must be a text that is not empty");
    default:
      return refused(reading, path, `is no operator. There are ${operators.join(", ")}`);
  }
}

const operators = [
  "$eq",
  "$ne",
  "$gt",
  "$gte",
  "$lt",
  "$lte",
  "$in",
  "$nin",
  "$exists",
  "$startsWith",
  "$endsWith",
  "$contains",
  "$not",
];

function refused(reading: Reading, path: Path, message: string): null {
  refuse(reading, path, message);
  return null;
}

function readLiteral(value: unknown, path: Path, reading: Reading): Literal | null {
  const text = numberText(value);
  if (text !== null) return { kind: "number", text };
  if (typeof value === "string" || typeof value === "boolean" || value === null) return { kind: "other", value };
  return refused(reading, path, "must be a text, a number, true, false or null");
}
