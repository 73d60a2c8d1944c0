import type { RelayEvent } from "../domain/event.ts";
import { maskIbansIn } from "../domain/iban.ts";
import { isObject } from "../platform/json.ts";
import { bareEventName } from "./catalogue.ts";
import { readData } from "./resource.ts";

/** An amount as the bank wrote it, for `Amount`. */
export interface Money {
  readonly value: unknown;
  readonly currency: string | null;
}

/** A resource in one line. */
export interface Summary {
  /** Null when the resource has no name. */
  readonly title: string | null;
  readonly money: Money | null;
  readonly iban: string | null;
  /** Its status, its side, … */
  readonly words: readonly string[];
}

/** Paths into `data`: a field, a field of a field (`a.b`), or several fields that are joined (`a + b`). */
interface Paths {
  /** The first that exists. */
  readonly title: readonly string[];
  readonly money?: readonly string[];
  /** For an amount without its own currency. */
  readonly currency?: string;
  /** A card number, of which the last digits are shown. */
  readonly digits?: string;
  /** All that exist. */
  readonly words: readonly string[];
}

const pathsByType: Readonly<Record<string, Paths>> = {
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

const usualPaths: Paths = {
  title: ["name", "title", "label", "legal_name", "number", "reference", "slug"],
  money: ["amount", "total_amount", "balance"],
  currency: "currency",
  words: ["status"],
};

/** Works for any `data`, lossless numbers included. */
export function summaryOf(type: string, data: unknown): Summary {
  const paths = (Object.hasOwn(pathsByType, type) ? pathsByType[type] : undefined) ?? usualPaths;
  const currency = paths.currency === undefined ? null : fieldAt(data, paths.currency);
  const monies = (paths.money ?? []).map((path) => readMoney(fieldAt(data, path), currency));
  const words = paths.words.map((path) => (path === "event" ? eventWord(data) : text(data, path, LONGEST_WORD)));
  return {
    title: paths.title.map((path) => text(data, path, LONGEST_TITLE)).find((one) => one !== null) ?? null,
    money: monies.find((money) => money !== null) ?? null,
    iban: ibanOf(data),
    words: [paths.digits === undefined ? null : digitsOf(fieldAt(data, paths.digits)), ...words].filter(
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

/** A longer text is no amount. A cut amount would be false. */
const LONGEST_AMOUNT = 64;

/** Reads an amount as Qonto writes it: a number, a text, or an object with a currency. Null for anything else. */
export function readMoney(json: unknown, currency: unknown = null): Money | null {
  if (isObject(json)) return readMoney(json["value"] ?? json["amount"], json["currency"] ?? currency);
  const isNumber = typeof json === "number" || JSON.isRawJSON(json);
  if (!isNumber && typeof json !== "string") return null;
  const digits = typeof json === "string" ? json : JSON.stringify(json);
  if (digits.trim() === "" || digits.length > LONGEST_AMOUNT) return null;
  return { value: json, currency: typeof currency === "string" && currency.length <= LONGEST_AMOUNT ? currency : null };
}

/** The summary of an event's body. Null for one that cannot be read. */
export function summaryOfEvent({ type, body, isUnreadable }: Pick<RelayEvent, "type" | "body" | "isUnreadable">) {
  return isUnreadable ? null : summaryOf(type, readData(body));
}

/** A field of `data`, or a field of a field: `a.b`. */
export function fieldAt(data: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((one, key) => (isObject(one) && Object.hasOwn(one, key) ? one[key] : null), data);
}

/** What each type of the catalogue is about. */
const nouns: Readonly<Record<string, string>> = {
  "v1/transactions": "Transaction",
  "v1/accounts": "Account",
  "v1/organizations": "Organization",
  "v1/memberships": "Membership",
  "v1/consent-revocations": "Consent revoked",
  "v1/cards": "Card",
  "v1/payment-links": "Payment link",
  "v1/payment-links-connections": "Payment links",
  "v1/beneficiaries": "Beneficiary",
  "v1/client-invoices": "Client invoice",
  "v1/terminal-payments": "Terminal payment",
  "v1/clients": "Client",
  "v1/products": "Product",
  "v1/sepa-direct-debit-mandates": "SEPA direct debit mandate",
  "v1/sepa-direct-debit-collections": "SEPA direct debit collection",
  "v1/transfers": "Transfer",
  "v1/recurring-transfers": "Recurring transfer",
  unreadable: "Unreadable event",
};

/** `Transaction created`. A type outside of the catalogue is shown by its name. */
export function whatHappened({ type, event }: Pick<RelayEvent, "type" | "event">): string {
  const words = event?.replaceAll("_", " ");
  if (type.startsWith("registrations.")) return `Registration ${words ?? ""}`.trimEnd();
  if (type.startsWith("organizations.")) return `Organization ${words ?? ""}`.trimEnd();
  const noun = Object.hasOwn(nouns, type) ? nouns[type] : undefined;
  if (noun === undefined) return words === undefined ? type : `${type}: ${words}`;
  return words === undefined ? noun : `${noun} ${words}`;
}
