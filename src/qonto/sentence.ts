import type { RelayEvent } from "../domain/event.ts";
import { maskIban } from "../domain/iban.ts";
import { isOperationalType } from "../domain/operational-event.ts";
import { bareEventName } from "./catalogue.ts";
import { readData } from "./resource.ts";
import { type Money, type Summary, fieldAt, firstTextOf, nounOf, summaryOf } from "./summary.ts";

/** How the sentence of a type differs from `Noun “title” of 1.00 EUR was created (words).` */
interface Wording {
  /** Instead of the noun. */
  readonly subject?: string;
  /** Before the amount. */
  readonly amount?: string;
  /** When the event does not say what happened. */
  readonly happened?: string;
}

const wordings = new Map<string, Wording>([
  ["v1/accounts", { amount: "with a balance of" }],
  ["v1/products", { amount: "at" }],
  ["v1/consent-revocations", { subject: "Consent of client", happened: "was revoked" }],
]);

/** What happened, where `was` before the event's name would be wrong. */
const phrases = new Map([
  ["expired", "has expired"],
  ["failed", "has failed"],
  ["on_hold", "is on hold"],
  ["processing", "is being processed"],
  ["nickname_updated", "has a new nickname"],
  ["options_updated", "has new options"],
  ["limits_updated", "has new limits"],
  ["restrictions_updated", "has new restrictions"],
  ["connection_enabled", "were enabled"],
  ["connection_revoked", "were revoked"],
]);

const payments = new Map<unknown, { readonly noun: string; readonly towards: string }>([
  ["credit", { noun: "Incoming payment", towards: "from" }],
  ["debit", { noun: "Outgoing payment", towards: "to" }],
]);

type Told = Pick<RelayEvent, "type" | "event" | "resourceId" | "body" | "isUnreadable">;

/**
 * One event in one sentence, for people: `Incoming payment of 1200.50 EUR from Acme GmbH was completed.` Amounts have the
 * digits that the bank wrote, and IBANs are masked. Bounded in length, whatever the event holds.
 */
export function sentenceOf(event: Told): string {
  if (event.isUnreadable) return "An event that cannot be read was received.";
  return `${oneLine(clauseOf(event, readData(event.body)))}.`;
}

function clauseOf(event: Told, data: unknown): string {
  const { type, resourceId } = event;
  const name = event.event === null ? null : bareEventName(event.event);
  if (type.startsWith("registrations.")) {
    return joined("Registration", resourceId, `has reached the stage ${quoted(inWords(name ?? type))}`);
  }
  if (type.startsWith("organizations.")) return joined("Organization", resourceId, happenedTo(name, null));
  const summary = summaryOf(type, data);
  if (isOperationalType(type)) return toldByRelay(nounOf(type) ?? type, summary);
  const status = firstTextOf(data, ["status"]);
  const payment = type === "v1/transactions" ? payments.get(fieldAt(data, "side")) : undefined;
  if (payment !== undefined) {
    const other = firstTextOf(data, ["clean_counterparty_name", "label"]);
    const happened = name === "deleted" || status === null ? happenedTo(name, status) : paymentIs(status);
    return joined(payment.noun, amount("of", summary.money), other && `${payment.towards} ${other}`, happened);
  }
  return aboutResource(type, { name, status }, summary);
}

function aboutResource(
  type: string,
  { name, status }: { readonly name: string | null; readonly status: string | null },
  { title, money, iban, words }: Summary,
): string {
  const wording = wordings.get(type);
  const noun = wording?.subject ?? nounOf(type) ?? type;
  const happened = wording?.happened ?? happenedTo(name, status);
  const said = name === null ? [status] : [name, inWords(name)];
  const rest = [...(iban === null ? [] : [maskIban(iban)]), ...words].filter((word) => !said.includes(word));
  return joined(
    noun,
    title === null ? null : quoted(title),
    amount(wording?.amount ?? "of", money),
    happened,
    inBrackets(rest),
  );
}

/** The noun of an operational event says what happened. */
function toldByRelay(noun: string, { title, words }: Summary): string {
  return joined(title === null ? noun : `${noun}: ${title}`, inBrackets(words));
}

function happenedTo(name: string | null, status: string | null): string {
  if (name === null) return status === null ? "was received" : `is ${inWords(status)}`;
  const phrase = phrases.get(name);
  if (phrase !== undefined) return phrase;
  return /^[a-z]+ed$/.test(name) ? `was ${name}` : `has the event ${quoted(inWords(name))}`;
}

function paymentIs(status: string): string {
  return /^[a-z]+ed$/.test(status) ? `was ${status}` : `is ${inWords(status)}`;
}

function amount(preposition: string, money: Money | null): string | null {
  if (money === null) return null;
  const digits = typeof money.value === "string" ? money.value : JSON.stringify(money.value);
  return joined(preposition, digits, money.currency);
}

function inBrackets(words: readonly string[]): string | null {
  return words.length === 0 ? null : `(${words.map(inWords).join(", ")})`;
}

function quoted(text: string): string {
  return `“${text}”`;
}

function inWords(name: string): string {
  return name.replaceAll("_", " ");
}

function joined(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null && part !== "").join(" ");
}

/** Line breaks and marks that turn the direction of writing could make it look like another sentence. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
}
