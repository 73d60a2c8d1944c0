/** A number in JSON's grammar, as a whole text. */
const decimalPattern = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A number with all its digits: 0.`digits` times 10 to the `magnitude`, with a sign. Zero has no digits, and no sign. */
export interface Decimal {
  readonly sign: -1 | 1;
  /** Without zeros at either end. */
  readonly digits: string;
  /** Infinite when the exponent is beyond every number: such numbers compare by their digits alone. */
  readonly magnitude: number;
}

const ZERO: Decimal = { sign: 1, digits: "", magnitude: 0 };

/** Reads a number as JSON writes it, however long, in time that grows with its length; null for any other text. */
export function readDecimal(text: string): Decimal | null {
  const [, minus, whole = "", fraction = "", exponent = "0"] = decimalPattern.exec(text) ?? [];
  if (minus === undefined) return null;
  const all = whole + fraction;
  let start = 0;
  while (all[start] === "0") start += 1;
  if (start === all.length) return ZERO;
  let end = all.length;
  while (all[end - 1] === "0") end -= 1;
  return {
    sign: minus === "-" ? -1 : 1,
    digits: all.slice(start, end),
    magnitude: Number(exponent) + whole.length - start,
  };
}

/** Below 0, 0 or above it, as the first is less than, equal to or greater than the second. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  if (one.digits === "" || other.digits === "") return signOf(one) - signOf(other);
  if (one.sign !== other.sign) return one.sign - other.sign;
  if (one.magnitude !== other.magnitude) return one.magnitude < other.magnitude ? -one.sign : one.sign;
  if (one.digits === other.digits) return 0;
  return one.digits < other.digits ? -one.sign : one.sign;
}

function signOf({ sign, digits }: Decimal): number {
  return digits === "" ? 0 : sign;
}

/** A text that equal numbers share, and no others. */
export function decimalKey({ sign, digits, magnitude }: Decimal): string {
  return `${sign * magnitude}:${sign}:${digits}`;
}
