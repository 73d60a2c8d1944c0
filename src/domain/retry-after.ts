const WEEKDAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})";

/** The three forms of an HTTP date (RFC 9110, 5.6.7): IMF-fixdate, RFC 850 and asctime. */
const dateForms = [
  `^${WEEKDAY}, +(?<day>\\d{1,2}) +${MONTH} +(?<year>\\d{4}) +${TIME} +GMT$`,
  `^${WEEKDAY}[a-z]*, +(?<day>\\d{1,2})-${MONTH}-(?<year>\\d{2}) +${TIME} +GMT$`,
  `^${WEEKDAY} +${MONTH} +(?<day>\\d{1,2}) +${TIME} +(?<year>\\d{4})$`,
].map((form) => new RegExp(form, "i"));

/** Members of a header whose lines were joined by commas. The comma after a weekday belongs to its date. */
const members = new RegExp(`\\s*(?:${WEEKDAY}[a-z]*,)?[^,]+`, "gi");

/** The longest delay of a queue message, and so of a retry or a probe, and the longest hold. */
export const MAX_DELAY_SECONDS = 86_400;

const YEARS_AHEAD = 50;

/**
 * Reads `Retry-After` (RFC 9110, 10.2.3) as seconds from `nowMs`: seconds, also with decimals, or an HTTP date. The longest of
 * several values counts, and any other text is ignored. Null: no value can be read.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const waits = (header?.match(members) ?? [])
    .map((member) => parseMember(member.trim(), nowMs))
    .filter((seconds) => seconds !== null);
  return waits.length === 0 ? null : Math.max(...waits);
}

function parseMember(text: string, nowMs: number): number | null {
  // Hundreds of digits would be Infinity, which JSON does not have.
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  const at = parseHttpDate(text, nowMs);
  return at === null ? null : Math.max(0, (at - nowMs) / 1000);
}

/** Unix milliseconds; null: it is no date. */
function parseHttpDate(text: string, nowMs: number): number | null {
  const parts = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (parts === undefined) return null;
  const { year = "", month = "", day, hour, minute, second } = parts;
  const toInstant = (fullYear: number) =>
    Date.UTC(fullYear, MONTHS.indexOf(month.toLowerCase()), Number(day), Number(hour), Number(minute), Number(second));
  const at = year.length === 2 ? nearestCentury(Number(year), toInstant, nowMs) : toInstant(Number(year));
  // Date.UTC turns 30 February into a day of March. A leap second is the first second of the next day.
  const isReal = new Date(at).getUTCDate() === Number(day) || Number(second) === 60;
  return isReal && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60 ? at : null;
}

/** A year of two digits is the last one that is not more than 50 years ahead (RFC 9110, 5.6.7). */
function nearestCentury(lastDigits: number, toInstant: (fullYear: number) => number, nowMs: number): number {
  const limit = new Date(nowMs);
  limit.setUTCFullYear(limit.getUTCFullYear() + YEARS_AHEAD);
  const latest = limit.getUTCFullYear();
  const year = latest - ((latest - lastDigits) % 100);
  const at = toInstant(year);
  return at > limit.getTime() ? toInstant(year - 100) : at;
}
