import type { RelayEvent } from "../domain/event.ts";
import { maskIbansIn } from "../domain/iban.ts";
import type { OperationalType } from "../domain/operational-event.ts";
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

/**
 * What a type is about, and what of its `data` is shown, by paths: a field, a field of a field (`a.b`), or several fields that
 * are joined (`a + b`).
 */
interface TypeSummary {
  /** Absent: the type is shown by its name. */
  readonly noun?: string;
  /** The first that exists. */
  readonly title: readonly string[];
  readonly money?: readonly string[];
  /** For an amount without its own currency; `currency` by default. */
  readonly currency?: string;
  /** All that exist. Of a card number the last digits are shown. */
  readonly words: readonly string[];
}

const catalogued: Readonly<Record<string, TypeSummary>> = {
  "v1/transactions": {
    noun: "Transaction",
    title: ["label", "clean_counterparty_name", "reference", "transaction_id"],
    money: ["amount"],
    words: ["side", "status", "operation_type"],
  },
  "v1/accounts": {
    noun: "Account",
    title: ["name", "slug"],
    money: ["balance", "authorized_balance"],
    words: ["status"],
  },
  "v1/organizations": {
    noun: "Organization",
    title: ["legal_name", "name", "slug"],
    words: ["legal_form", "legal_country", "status"],
  },
  "v1/memberships": {
    noun: "Membership",
    title: ["first_name + last_name", "email"],
    words: ["role", "position", "status"],
  },
  "v1/consent-revocations": { noun: "Consent revoked", title: ["client_id"], words: [] },
  "v1/cards": { noun: "Card", title: ["nickname"], words: ["masked_pan", "card_level", "status"] },
  "v1/payment-links": {
    noun: "Payment link",
    title: ["resource_metadata.invoice_number"],
    money: ["amount"],
    words: ["resource_type", "status"],
  },
  "v1/payment-links-connections": { noun: "Payment links", title: [], words: ["event"] },
  "v1/beneficiaries": { noun: "Beneficiary", title: ["name"], words: ["status"] },
  "v1/client-invoices": {
    noun: "Client invoice",
    title: ["number"],
    money: ["total_amount"],
    words: ["client.name", "status"],
  },
  "v1/terminal-payments": {
    noun: "Terminal payment",
    title: [],
    money: ["amount", "authorized_amount"],
    words: ["card_summary", "payment_method", "event"],
  },
  "v1/clients": { noun: "Client", title: ["name", "first_name + last_name", "email"], words: ["kind", "city"] },
  "v1/products": { noun: "Product", title: ["title"], money: ["unit_price"], words: ["type", "unit"] },
  "v1/sepa-direct-debit-mandates": {
    noun: "SEPA direct debit mandate",
    title: ["unique_mandate_reference"],
    words: ["status"],
  },
  "v1/sepa-direct-debit-collections": {
    noun: "SEPA direct debit collection",
    title: ["reference"],
    money: ["amount"],
    words: ["status", "collection_date"],
  },
  "v1/transfers": {
    noun: "Transfer",
    title: ["reference", "note"],
    money: ["amount"],
    currency: "amount_currency",
    words: ["status", "declined_reason"],
  },
  "v1/recurring-transfers": {
    noun: "Recurring transfer",
    title: ["reference", "note"],
    money: ["amount"],
    currency: "amount_currency",
    words: ["frequency", "status"],
  },
};

const connection = ["organization_name", "connection_id"];
const destination = ["destination_name", "destination_id"];

const operational: Readonly<Record<OperationalType, TypeSummary>> = {
  "relay.connection.lost": { noun: "Connection to Qonto lost", title: connection, words: ["status"] },
  "relay.subscription.restored": { noun: "Webhook subscription restored", title: connection, words: [] },
  "relay.reconciliation.recovered": { noun: "Missed events recovered", title: connection, words: [] },
  "relay.source.silent": { noun: "Qonto sends no events", title: connection, words: [] },
  "relay.destination.failing": { noun: "Destination is failing", title: destination, words: [] },
  "relay.destination.recovered": { noun: "Destination has recovered", title: destination, words: [] },
  "relay.destination.disabled": { noun: "Destination is disabled by its 410", title: destination, words: [] },
  "relay.delivery.dead": { noun: "Dead deliveries", title: destination, words: ["dead_deliveries"] },
  "relay.quarantine.received": { noun: "Events in quarantine", title: ["quarantined_events"], words: [] },
  "relay.health.degraded": { noun: "Relay is degraded", title: ["detail"], words: [] },
  "relay.health.ok": { noun: "Relay is healthy again", title: [], words: [] },
};

const usual: TypeSummary = {
  title: ["name", "title", "label", "legal_name", "number", "reference", "slug"],
  money: ["amount", "total_amount", "balance"],
  words: ["status"],
};

/** The type of an unreadable event that names none. It is not in the catalogue, and still has a noun. */
const unreadable: TypeSummary = { ...usual, noun: "Unreadable event" };

const summaries = new Map(Object.entries({ ...catalogued, ...operational, unreadable }));

/** Works for any `data`, lossless numbers included. */
export function summaryOf(type: string, data: unknown): Summary {
  const paths = summaries.get(type) ?? usual;
  const currency = fieldAt(data, paths.currency ?? "currency");
  const monies = (paths.money ?? []).map((path) => readMoney(fieldAt(data, path), currency));
  return {
    title: firstTextOf(data, paths.title),
    money: monies.find((money) => money !== null) ?? null,
    iban: ibanOf(data),
    words: paths.words.map((path) => wordAt(data, path)).filter((word) => word !== null),
  };
}

/** The first of the fields that holds a text, cut to the length of a title. */
export function firstTextOf(data: unknown, paths: readonly string[]): string | null {
  return paths.map((path) => text(data, path, LONGEST_TITLE)).find((one) => one !== null) ?? null;
}

function ibanOf(data: unknown): string | null {
  const iban = fieldAt(data, "iban");
  return typeof iban === "string" && iban.length > 4 && iban.length <= LONGEST_TITLE ? iban : null;
}

const cardNumbers = ["masked_pan", "card_summary"];

function wordAt(data: unknown, path: string): string | null {
  if (cardNumbers.includes(path)) return digitsOf(fieldAt(data, path));
  const word = text(data, path, LONGEST_WORD);
  return path === "event" && word !== null ? bareEventName(word).replaceAll("_", " ") : word;
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

/** `Transaction created`. A type outside of the catalogue is shown by its name. */
export function whatHappened({ type, event }: Pick<RelayEvent, "type" | "event">): string {
  const noun = nounOf(type);
  const happened = event ? [event.replaceAll("_", " ")] : [];
  return noun === undefined ? [type, ...happened].join(": ") : [noun, ...happened].join(" ");
}

/** What a type is about; undefined outside of the catalogue. */
export function nounOf(type: string): string | undefined {
  if (type.startsWith("registrations.")) return "Registration";
  return type.startsWith("organizations.") ? "Organization" : summaries.get(type)?.noun;
}
