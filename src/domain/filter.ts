import { type Decimal, compareDecimals, decimalKey, readDecimal } from "./decimal.ts";

/**
 * Content filters: which events a destination gets, by their parsed body. src/retry/filters.md documents the language for those
 * who write one, src/domain/read-filter.ts reads one and refuses what is wrong with it. Evaluation is linear in the body and in
 * the filter, because both are trees that each condition walks once.
 */
export interface Filter {
  /** As it was given. Its numbers keep all their digits (src/platform/json.ts). */
  readonly json: Readonly<Record<string, unknown>>;
  readonly condition: Condition;
}

/** What a filter compares with: a text, boolean or null, or a number as it was written. */
export type Literal = { readonly kind: "other"; readonly value: string | boolean | null } | NumberLiteral;

interface NumberLiteral {
  readonly kind: "number";
  readonly text: string;
}

type Comparison = "$gt" | "$gte" | "$lt" | "$lte";
type TextOperator = "$startsWith" | "$endsWith" | "$contains";

/** What one operator asks of the values at a path. */
export type Test =
  | { readonly operator: "$eq" | "$ne" | Comparison; readonly literal: Literal }
  | { readonly operator: "$in" | "$nin"; readonly literals: readonly Literal[] }
  | { readonly operator: "$exists"; readonly isExpected: boolean }
  | { readonly operator: TextOperator; readonly text: string };

interface Field {
  readonly kind: "field";
  /** As it was written. */
  readonly path: string;
  readonly keys: readonly string[];
  readonly tests: readonly Test[];
}

export type Condition =
  | Field
  | { readonly kind: "all" | "any"; readonly conditions: readonly Condition[] }
  | { readonly kind: "not"; readonly condition: Condition };

/** Whether a parsed body passes. Its numbers count with all their digits if they were parsed so (src/platform/json.ts). */
export function matchesFilter({ condition }: Filter, body: unknown): boolean {
  return holds(condition, body);
}

/** The first condition that a body does not meet, such as `data.amount $gte 1000`; null when it passes. */
export function explainMismatch({ condition }: Filter, body: unknown): string | null {
  const unmet = findUnmet(condition, body);
  return unmet && describe(unmet);
}

/** The smallest condition that has to be met and is not. */
function findUnmet(condition: Condition, body: unknown): Condition | null {
  if (holds(condition, body)) return null;
  const parts = condition.kind === "all" ? condition.conditions : condition.kind === "field" ? testsOf(condition) : [];
  for (const part of parts) {
    const unmet = findUnmet(part, body);
    if (unmet !== null) return unmet;
  }
  return condition;
}

/** Each test for itself. */
function testsOf(field: Field): Condition[] {
  return field.tests.length === 1 ? [] : field.tests.map((test) => ({ ...field, tests: [test] }));
}

function holds(condition: Condition, body: unknown): boolean {
  switch (condition.kind) {
    case "all":
      return condition.conditions.every((one) => holds(one, body));
    case "any":
      return condition.conditions.some((one) => holds(one, body));
    case "not":
      return !holds(condition.condition, body);
    case "field":
      return pass(condition.tests, valuesAt(condition.keys, body));
  }
}

/** All that is found at a path. A list on the way, or at its end, stands for each of its elements and for itself. */
function valuesAt(keys: readonly string[], body: unknown): readonly unknown[] {
  let found: unknown[] = [body];
  for (const key of keys) found = elementsOf(found).flatMap((value) => (hasKey(value, key) ? [value[key]] : []));
  return elementsOf(found);
}

/** The values, and the elements of lists among them, of lists in these, and so on. A loop, because a body may nest deeply. */
function elementsOf(values: readonly unknown[]): unknown[] {
  const all: unknown[] = [];
  const left = [...values];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    all.push(value);
    if (Array.isArray(value)) for (const element of value) left.push(element);
  }
  return all;
}

/** Own keys only: `__proto__` is a key like any other. */
function hasKey(value: unknown, key: string): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value) && Object.hasOwn(value, key);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** One and the same value has to pass all tests that a value can pass; the others judge what is there as a whole. */
function pass(tests: readonly Test[], values: readonly unknown[]): boolean {
  const ofOne: ((value: unknown) => boolean)[] = [];
  for (const test of tests) {
    if (test.operator === "$exists") {
      if (values.length > 0 !== test.isExpected) return false;
    } else if (test.operator === "$ne" || test.operator === "$nin") {
      if (values.some(isAmong("literal" in test ? [test.literal] : test.literals))) return false;
    } else ofOne.push(predicateOf(test));
  }
  return ofOne.length === 0 || values.some((value) => ofOne.every((passes) => passes(value)));
}

function predicateOf(test: Exclude<Test, { operator: "$exists" }>): (value: unknown) => boolean {
  if ("literals" in test) return isAmong(test.literals);
  if ("text" in test) return matchesText(test.operator, test.text);
  const { operator, literal } = test;
  return operator === "$eq" || operator === "$ne" ? isAmong([literal]) : comparing(operator, literal);
}

function matchesText(operator: TextOperator, text: string): (value: unknown) => boolean {
  return (value) => {
    if (typeof value !== "string") return false;
    switch (operator) {
      case "$startsWith":
        return value.startsWith(text);
      case "$endsWith":
        return value.endsWith(text);
      case "$contains":
        return value.includes(text);
    }
  };
}

/**
 * Whether a value equals one of the literals. Two texts are equal when they are the same; a number and a number, or a number and a
 * text that is one, when their values are.
 */
function isAmong(literals: readonly Literal[]): (value: unknown) => boolean {
  const wanted = new Set(literals.flatMap(keysOfLiteral));
  return (value) => keysOfValue(value).some((key) => wanted.has(key));
}

function keysOfLiteral(literal: Literal): string[] {
  if (literal.kind === "number") return numberKeys("number or text", readDecimal(literal.text));
  const { value } = literal;
  return [sameKey(value), ...(typeof value === "string" ? numberKeys("number", readDecimal(value)) : [])];
}

function keysOfValue(value: unknown): string[] {
  const number = numberText(value);
  if (number !== null) {
    const decimal = readDecimal(number);
    return [...numberKeys("number", decimal), ...numberKeys("number or text", decimal)];
  }
  if (typeof value === "string") return [sameKey(value), ...numberKeys("number or text", readDecimal(value))];
  return typeof value === "boolean" || value === null ? [sameKey(value)] : [];
}

const sameKey = (value: string | boolean | null) => `same ${JSON.stringify(value)}`;

/** `written` says which side may be written as a text: not both, because two texts compare as texts. */
function numberKeys(written: "number" | "number or text", decimal: Decimal | null): string[] {
  return decimal === null ? [] : [`${written} ${decimalKey(decimal)}`];
}

/** Numbers, and texts that are numbers, compare by value; other texts, such as times, by their characters. */
function comparing(operator: Comparison, literal: Literal): (value: unknown) => boolean {
  const given = literal.kind === "number" ? literal.text : literal.value;
  const decimal = typeof given === "string" ? readDecimal(given) : null;
  return (value) => {
    const text = typeof value === "string" ? value : numberText(value);
    if (text === null) return false;
    const other = readDecimal(text);
    if (decimal !== null && other !== null) return isInOrder(operator, compareDecimals(other, decimal));
    const areTexts = typeof value === "string" && literal.kind === "other" && typeof given === "string";
    return areTexts && isInOrder(operator, value < given ? -1 : value > given ? 1 : 0);
  };
}

function isInOrder(operator: Comparison, order: number): boolean {
  switch (operator) {
    case "$gt":
      return order > 0;
    case "$gte":
      return order >= 0;
    case "$lt":
      return order < 0;
    case "$lte":
      return order <= 0;
  }
}

/** A number as it was written, or as it was parsed; null for anything else. */
export function numberText(value: unknown): string | null {
  if (JSON.isRawJSON(value)) return JSON.stringify(value);
  return typeof value === "number" ? String(value) : null;
}

function describe(condition: Condition): string {
  switch (condition.kind) {
    case "all":
      return `(${condition.conditions.map(describe).join(" and ")})`;
    case "any":
      return `(${condition.conditions.map(describe).join(" or ")})`;
    case "not":
      return `not ${describe(condition.condition)}`;
    case "field":
      return `${condition.path} ${condition.tests.map(describeTest).join(" and ")}`;
  }
}

function describeTest(test: Test): string {
  if ("literals" in test) return `${test.operator} [${test.literals.map(describeLiteral).join(", ")}]`;
  if ("literal" in test) return `${test.operator} ${describeLiteral(test.literal)}`;
  return test.operator === "$exists" ? `$exists ${test.isExpected}` : `${test.operator} ${JSON.stringify(test.text)}`;
}

function describeLiteral(literal: Literal): string {
  return literal.kind === "number" ? literal.text : JSON.stringify(literal.value);
}
