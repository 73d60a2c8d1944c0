import { describe, expect, it } from "vitest";
import { operationalEvent, operationalSamples, operationalTypes } from "../../../src/domain/operational-event.ts";
import { readEventText } from "../../../src/qonto/read-event.ts";
import { sampleTypes, sourceOfType } from "../../../src/qonto/sample-event.ts";
import { sentenceOf } from "../../../src/qonto/sentence.ts";
import { makePayload } from "../../support/qonto.ts";

/** The sentence of a body of the Business API. */
function sentence(body: string | object): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const event = readEventText(text, { source: "business", contentType: null, contentEncoding: null, receivedAt: 0 });
  if (event === null) throw new Error("No event");
  return sentenceOf(event);
}

const transaction = (data: object) => sentence({ id: "e1", type: "v1/transactions", data });

describe("the sentence", () => {
  it.each([
    ["v1/transactions", "Outgoing payment of 50.01 EUR to ACME Corp was completed."],
    ["v1/accounts", "Account “Example Account” with a balance of 1000.00 EUR was created (DE89 •••• 3000, active)."],
    ["v1/organizations", "Organization “Elektro Tesla GmbH” was suspended (GmbH, DE)."],
    ["v1/memberships", "Membership “Bruce Thomas Patrick Wayne” was updated (owner, CEO Batman corp, active)."],
    ["v1/consent-revocations", "Consent of client “01968119-8efd-7422-8a8a-75c9b45a6a69” was revoked."],
    ["v1/cards", "Card “💳 for 🍗” was created (•••• 7662, standard, pending)."],
    ["v1/payment-links", "Payment link “H2025-343” of 77052.50 EUR was created (Invoice, open)."],
    ["v1/payment-links-connections", "Payment links were enabled."],
    ["v1/beneficiaries", "Beneficiary “Alice In Wonderland” was created (FR76 •••• 0189, pending)."],
    ["v1/client-invoices", "Client invoice “INV001” of 12.52 EUR is paid."],
    ["v1/terminal-payments", "Terminal payment of 20.00 EUR was authorized (•••• 2120, cartebancaire)."],
    ["v1/clients", "Client “Acme SAS” was created (company, Paris)."],
    ["v1/products", "Product “Consulting hour” at 100.00 EUR was created (service, hour)."],
    ["v1/sepa-direct-debit-mandates", "SEPA direct debit mandate “UMR-...” was accepted (signed)."],
    [
      "v1/sepa-direct-debit-collections",
      "SEPA direct debit collection “ref-123” of 102.34 EUR was completed (2026-01-01).",
    ],
    ["v1/transfers", "Transfer “Lease payment” of 1100.5 EUR was declined (beneficiary bic invalid)."],
    ["v1/recurring-transfers", "Recurring transfer “Lease payment” of 1100.5 EUR was created (weekly, <string>)."],
  ] as const)("of %s says what happened", (type, expected) => {
    expect(sentence(makePayload(type))).toBe(expected);
  });

  it.each([...sampleTypes, ...operationalTypes])("of %s is one line, with a noun, and bounded", (type) => {
    const told = toldBy(type);
    expect(told).toMatch(/^[A-Z][^\n]{10,250}\.$/);
    expect(told).not.toContain(type);
  });

  function toldBy(type: (typeof sampleTypes)[number] | (typeof operationalTypes)[number]): string {
    const operational = operationalTypes.find((one) => one === type);
    if (operational !== undefined) {
      const data = operationalSamples[operational] as never;
      return sentenceOf(operationalEvent(operational, { transition: "1", organizationId: null, at: 0, data }));
    }
    const qontos = sampleTypes.find((one) => one === type) ?? "v1/transactions";
    const metadata = { source: sourceOfType(qontos), contentType: null, contentEncoding: null, receivedAt: 0 };
    const event = readEventText(JSON.stringify(makePayload(qontos)), metadata);
    return event === null ? "" : sentenceOf(event);
  }

  it("of the relay's own events says which connection", () => {
    expect(toldBy("relay.connection.lost")).toBe("Connection to Qonto lost: Example SAS (expired).");
  });

  it("of a registration names its stage", () => {
    expect(toldBy("registrations.user_started")).toBe(
      "Registration 525817f7-93e8-4f31-a83d-20319778b4b0 has reached the stage “user started”.",
    );
    expect(toldBy("organizations.deleted")).toBe("Organization 0f1c7e52-38b9-4e5b-9f0e-6a4c25d0a1b2 was deleted.");
  });

  it.each([
    [
      { side: "credit", status: "pending", amount: "9.90", currency: "EUR" },
      "Incoming payment of 9.90 EUR is pending.",
    ],
    [{ side: "credit", label: "Ann", status: "reversed" }, "Incoming payment from Ann was reversed."],
    [{ side: "debit", event: "deleted", status: "completed" }, "Outgoing payment was deleted."],
    [{ side: "credit" }, "Incoming payment was received."],
    [{ side: "sideways", label: "Ann", event: "created" }, "Transaction “Ann” was created (sideways)."],
    [{ side: "constructor" }, "Transaction was received (constructor)."],
    [{}, "Transaction was received."],
    [{ event: "flagged_for_review" }, "Transaction has the event “flagged for review”."],
    [{ event: "transactions.updated", label: "Ann" }, "Transaction “Ann” was updated."],
    [{ event: "constructor" }, "Transaction has the event “constructor”."],
  ])("of a transaction with %j is %s", (data, expected) => {
    expect(transaction(data)).toBe(expected);
  });

  it("of a type outside of the catalogue takes the usual fields", () => {
    const loan = { id: "e1", type: "v1/loans", data: { name: "Van", amount: { value: "9.00", currency: "EUR" } } };
    expect(sentence(loan)).toBe("v1/loans “Van” of 9.00 EUR was received.");
    expect(sentence({ id: "e1", type: "constructor", data: { event: "created" } })).toBe("constructor was created.");
  });

  it("keeps the digits of an amount", () => {
    const body = '{"id":"e1","type":"v1/transactions","data":{"side":"credit","amount":100.00,"currency":"EUR"}}';
    expect(sentence(body)).toBe("Incoming payment of 100.00 EUR was received.");
  });

  it("is one line of bounded length, whatever the event holds", () => {
    const long = "x\u202e\n".repeat(50_000);
    const told = transaction({ side: "credit", amount: "1", currency: "EUR", label: long, status: long, event: long });
    expect(told).not.toMatch(/[\n\u202e]/);
    expect(told.length).toBeLessThan(400);
  });

  it("masks IBANs", () => {
    expect(transaction({ side: "debit", label: "to FR7630006000011234567890189", status: "completed" })).toBe(
      "Outgoing payment to to FR76 •••• 0189 was completed.",
    );
  });

  it("of an event that cannot be read says so", () => {
    const unreadable = { type: "v1/cards", event: null, resourceId: null, body: "AA==", isUnreadable: true };
    expect(sentenceOf(unreadable)).toBe("An event that cannot be read was received.");
  });
});
