import { describe, expect, it } from "vitest";
import { readAccount, readAccountsOfProfile } from "../../../src/console/pages/organizations/accounts.tsx";
import { relatedIds } from "../../../src/console/pages/organizations/resource.tsx";
import { readMoney, summaryOf } from "../../../src/qonto/summary.ts";
import { parseJsonLosslessly } from "../../../src/platform/json.ts";
import { type SampleType, sampleEvent, sampleTypes } from "../../../src/qonto/sample-event.ts";

/** A summary as one line: the amount in brackets. */
function line(type: string, data: unknown): string {
  const { title, money, iban, words } = summaryOf(type, data);
  const amount = money === null ? [] : [`[${JSON.stringify(money.value)} ${money.currency}]`];
  return [title ?? "–", ...amount, ...(iban === null ? [] : [iban]), ...words].join(" · ");
}

describe("the summary", () => {
  it.each([
    ["v1/transactions", "ACME Corp · [50.01 EUR] · debit · completed · transfer"],
    ["v1/accounts", 'Example Account · ["1000.00" EUR] · DE89370400440532013000 · active'],
    ["v1/organizations", "Elektro Tesla GmbH · GmbH · DE · suspended"],
    ["v1/memberships", "Bruce Thomas Patrick Wayne · owner · CEO Batman corp · active"],
    ["v1/consent-revocations", "01968119-8efd-7422-8a8a-75c9b45a6a69"],
    ["v1/cards", "💳 for 🍗 · •••• 7662 · standard · pending"],
    ["v1/payment-links", 'H2025-343 · ["77052.50" EUR] · Invoice · open'],
    ["v1/payment-links-connections", "– · connection enabled"],
    ["v1/beneficiaries", "Alice In Wonderland · FR7630006000011234567890189 · pending"],
    ["v1/client-invoices", 'INV001 · ["12.52" EUR] · paid'],
    ["v1/terminal-payments", '– · ["20.00" EUR] · •••• 2120 · cartebancaire · authorized'],
    ["v1/clients", "Acme SAS · company · Paris"],
    ["v1/products", 'Consulting hour · ["100.00" EUR] · service · hour'],
    ["v1/sepa-direct-debit-mandates", "UMR-... · signed"],
    ["v1/sepa-direct-debit-collections", 'ref-123 · ["102.34" EUR] · completed · 2026-01-01'],
    ["v1/transfers", "Lease payment · [1100.5 EUR] · declined · beneficiary_bic_invalid"],
    ["v1/recurring-transfers", "Lease payment · [1100.5 EUR] · weekly · <string>"],
  ] satisfies [SampleType, string][])("of %s names its title, amount and status", (type, expected) => {
    expect(line(type, sampleEvent(type)["data"])).toBe(expected);
  });

  it("covers each type of the Business API", () => {
    const business = sampleTypes.filter((type) => type.startsWith("v1/"));
    for (const type of business) {
      const { title, words } = summaryOf(type, sampleEvent(type)["data"]);
      expect([type, title !== null || words.length > 0]).toEqual([type, true]);
    }
  });

  it("of an unknown type takes the usual fields", () => {
    expect(line("v1/loans", { name: "Van", amount: { value: "9.00", currency: "EUR" }, status: "open" })).toBe(
      'Van · ["9.00" EUR] · open',
    );
    expect(line("constructor", { status: "open" })).toBe("– · open");
  });

  it.each([null, undefined, 7, "text", [], {}, { label: null, amount: {}, iban: 7, status: ["x"] }])(
    "of %j is empty",
    (data) => {
      expect(summaryOf("v1/transactions", data)).toEqual({ title: null, money: null, iban: null, words: [] });
    },
  );

  it("finds the currency beside an amount that has none of its own", () => {
    expect(line("v1/payment-links", { amount: "5.00", currency: "EUR" })).toBe('– · ["5.00" EUR]');
  });

  it("keeps the digits of a number", () => {
    expect(line("v1/transactions", parseJsonLosslessly('{"label": 1.0, "amount": 100.00, "currency": "EUR"}'))).toBe(
      "1.0 · [100.00 EUR]",
    );
  });

  it("cuts long text between two characters, and masks IBANs in a text", () => {
    expect(summaryOf("v1/transactions", { label: "🦀".repeat(100_000) }).title).toBe(`${"🦀".repeat(79)}…`);
    expect(summaryOf("v1/transactions", { label: "x".repeat(80) }).title).toBe("x".repeat(80));
    expect(summaryOf("v1/transactions", { status: "x".repeat(33) }).words).toEqual([`${"x".repeat(31)}…`]);
    expect(summaryOf("v1/transactions", { label: "x".repeat(81) }).title).toBe(`${"x".repeat(79)}…`);
    expect(summaryOf("v1/transactions", { label: "to DE89370400440532013000" }).title).toBe("to DE89 •••• 3000");
  });

  it("shows only the last digits of a card number", () => {
    expect(summaryOf("v1/cards", { masked_pan: "5117681234567662" }).words).toEqual(["•••• 7662"]);
    expect(summaryOf("v1/cards", { masked_pan: "none" }).words).toEqual([]);
  });
});

describe("an amount", () => {
  it.each([
    [12, "EUR", { value: 12, currency: "EUR" }],
    ["12.50", null, { value: "12.50", currency: null }],
    [{ value: "1.0", currency: "USD" }, "EUR", { value: "1.0", currency: "USD" }],
    [{ amount: "1.0" }, "EUR", { value: "1.0", currency: "EUR" }],
    ["", "EUR", null],
    ["9".repeat(65), "EUR", null],
    [true, "EUR", null],
    [null, "EUR", null],
    [{ value: { value: {} } }, "EUR", null],
  ])("is read from %j with %j", (json, currency, expected) => {
    expect(readMoney(json, currency)).toEqual(expected);
  });
});

describe("an account", () => {
  const shownBy = { resourceId: "a", deleted: false, versionAt: "2026-03-01T12:00:00Z" };

  it("has a balance and an authorized balance", () => {
    expect(readAccount({ name: "Main", balance: 10, authorized_balance: 8, currency: "EUR" }, shownBy)).toMatchObject({
      name: "Main",
      current: { value: 10, currency: "EUR" },
      authorized: { value: 8, currency: "EUR" },
      versionAt: "2026-03-01T12:00:00Z",
    });
    expect(readAccount({}, shownBy)).toMatchObject({ name: null, current: null, authorized: null });
  });

  it("is read from its organization's profile", () => {
    const accounts = readAccountsOfProfile(
      { bank_accounts: [{ name: "Main", balance: 10, updated_at: "2026-02-01T00:00:00Z" }, "odd", { name: "Side" }] },
      "2026-03-01T12:00:00Z",
    );
    expect(accounts.map(({ name, versionAt }) => [name, versionAt])).toEqual([
      ["Main", "2026-02-01T00:00:00Z"],
      ["Side", "2026-03-01T12:00:00Z"],
    ]);
    expect(readAccountsOfProfile(null, null)).toEqual([]);
    expect(readAccountsOfProfile({ bank_accounts: "none" }, null)).toEqual([]);
  });
});

describe("the related resources", () => {
  it("are those that the data names by id, each once", () => {
    expect(relatedIds("v1/transactions", { bank_account_id: "a", bank_account: { id: "a" }, card_id: "c" })).toEqual([
      { type: "v1/accounts", id: "a" },
      { type: "v1/cards", id: "c" },
    ]);
  });

  it("keep all digits of an id that is a number", () => {
    const data = parseJsonLosslessly('{"bank_account":{"id":9007199254740993},"card_id":9007199254740995}');
    expect(relatedIds("v1/transactions", data)).toEqual([
      { type: "v1/accounts", id: "9007199254740993" },
      { type: "v1/cards", id: "9007199254740995" },
    ]);
  });

  it("depend on the type where a field has several meanings", () => {
    const data = { transaction_id: "t", client_id: "c" };
    expect(relatedIds("v1/transfers", data)).toEqual([{ type: "v1/transactions", id: "t" }]);
    expect(relatedIds("v1/client-invoices", data)).toEqual([{ type: "v1/clients", id: "c" }]);
    expect(relatedIds("v1/transactions", data)).toEqual([]);
    expect(relatedIds("v1/consent-revocations", data)).toEqual([]);
  });

  it.each([
    null,
    7,
    [],
    { bank_account_id: true },
    { bank_account_id: "" },
    { card_id: "x".repeat(256) },
    { bank_account: [] },
  ])("of %j are none", (data) => {
    expect(relatedIds("constructor", data)).toEqual([]);
  });
});
