import { bareEventName } from "../../../qonto/catalogue.ts";
import { maskIbansIn } from "../../ui/values.tsx";
import { fieldAt } from "./field-at.ts";
import { type Money, readMoney } from "./money.ts";

/** What a resource is, in a line. */
export interface Summary {
  /** What people call it; null when nothing in it is a name. */
  readonly title: string | null;
  readonly money: Money | null;
  readonly iban: string | null;
  /** What else there is to say of it: its status, its side, … */
  readonly words: readonly string[];
}

/** Where each of a summary's parts is in `data`: a field, a field of a field (`a.b`), or several that make one (`a + b`). */
interface Places {
  /** The first that is there. */
  readonly title: readonly string[];
  readonly money?: readonly string[];
  /** Of a `money` that does not say it itself. */
  readonly currency?: string;
  /** A card's number, masked by Qonto: its last digits are shown. */
  readonly digits?: string;
  /** All that are there. */
  readonly words: readonly string[];
}

const places: Readonly<Record<string, Places>> = {
  "v1/transactions": {
    title: ["label", "clean_counterparty_name", "reference", "transaction_id"],
    money: ["amount"],
    currency: "currency",
    words: ["side", "status", "operation_type"],
  },
  "v1/accounts": {
    title: ["name", "slug"],
    money: ["balance", "authorized_balance"],
    currency: "currency",
    words: ["status"],
  },
  "v1/organizations": { title: ["legal_name", "name", "slug"], words: ["legal_form", "legal_country", "status"] },
  "v1/memberships": { title: ["first_name + last_name", "email"], words: ["role", "position", "status"] },
  "v1/consent-revocations": { title: ["client_id"], words: [] },
  "v1/cards": { title: ["nickname"], digits: "masked_pan", words: ["card_level", "status"] },
  "v1/payment-links": {
    title: ["resource_metadata.invoice_number"],
    money: ["amount"],
    words: ["resource_type", "status"],
  },
  "v1/payment-links-connections": { title: [], words: ["event"] },
  "v1/beneficiaries": { title: ["name"], words: ["status"] },
  "v1/client-invoices": {
    title: ["number"],
    money: ["total_amount"],
    currency: "currency",
    words: ["client.name", "status"],
  },
  "v1/terminal-payments": {
    title: [],
    money: ["amount", "authorized_amount"],
    digits: "card_summary",
    words: ["payment_method", "event"],
  },
  "v1/clients": { title: ["name", "first_name + last_name", "email"], words: ["kind", "city"] },
  "v1/products": { title: ["title"], money: ["unit_price"], currency: "currency", words: ["type", "unit"] },
  "v1/sepa-direct-debit-mandates": { title: ["unique_mandate_reference"], words: ["status"] },
  "v1/sepa-direct-debit-collections": { title: ["reference"], money: ["amount"], words: ["status", "collection_date"] },
  "v1/transfers": {
    title: ["reference", "note"],
    money: ["amount"],
    currency: "amount_currency",
    words: ["status", "declined_reason"],
  },
  "v1/recurring-transfers": {
    title: ["reference", "note"],
    money: ["amount"],
    currency: "amount_currency",
    words: ["frequency", "status"],
  },
};

/** For a type that is in nobody's list. */
const unlisted: Places = {
  title: ["name", "title", "label", "legal_name", "number", "reference", "slug"],
  money: ["amount", "total_amount", "balance"],
  currency: "currency",
  words: ["status"],
};

/** Reads the summary out of `data`, whatever is in it, lossless numbers included. */
export function summaryOf(type: string, data: unknown): Summary {
  const place = (Object.hasOwn(places, type) ? places[type] : undefined) ?? unlisted;
  const currency = place.currency === undefined ? null : fieldAt(data, place.currency);
  const monies = (place.money ?? []).map((path) => readMoney(fieldAt(data, path), currency));
  const words = place.words.map((path) => (path === "event" ? eventWord(data) : text(data, path, LONGEST_WORD)));
  return {
    title: place.title.map((path) => text(data, path, LONGEST_TITLE)).find((one) => one !== null) ?? null,
    money: monies.find((money) => money !== null) ?? null,
    iban: ibanOf(data),
    words: [place.digits === undefined ? null : digitsOf(fieldAt(data, place.digits)), ...words].filter(
      (word) => word !== null,
    ),
  };
}

function ibanOf(data: unknown): string | null {
  const iban = fieldAt(data, "iban");
  return typeof iban === "string" && iban.length > 4 && iban.length <= LONGEST_TITLE ? iban : null;
}

function eventWord(data: unknown): string | null {
  const event = text(data, "event", LONGEST_WORD);
  return event === null ? null : bareEventName(event).replaceAll("_", " ");
}

function digitsOf(pan: unknown): string | null {
  const digits = typeof pan === "string" ? /\d{2,4}$/.exec(pan)?.[0] : undefined;
  return digits === undefined ? null : `•••• ${digits}`;
}

function text(data: unknown, path: string, longest: number): string | null {
  const parts = path.split(" + ").map((one) => oneText(fieldAt(data, one), longest));
  const joined = parts.filter((part) => part !== null).join(" ");
  return joined === "" ? null : joined;
}

/** What is longer would be no summary. */
const LONGEST_TITLE = 80;
const LONGEST_WORD = 32;

function oneText(json: unknown, longest: number): string | null {
  const whole = typeof json === "number" || JSON.isRawJSON(json) ? JSON.stringify(json) : json;
  if (typeof whole !== "string") return null;
  const masked = maskIbansIn(whole.slice(0, 4 * longest)).trim();
  const characters = Array.from(masked);
  if (characters.length <= longest) return masked === "" ? null : masked;
  return `${characters.slice(0, longest - 1).join("")}…`;
}
