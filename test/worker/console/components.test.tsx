import { describe, expect, it } from "vitest";
import {
  Amount,
  Iban,
  Time,
  TimeOfText,
  durationInWords,
  maskIbansIn,
  relativeTo,
} from "../../../src/console/ui/values.tsx";
import { Filters, Pager, linkTo } from "../../../src/console/ui/table.tsx";
import { Press, TextField } from "../../../src/console/ui/form.tsx";
import { Json } from "../../../src/console/ui/json.tsx";
import type { HtmlEscapedString } from "hono/utils/html";
import { PageContextProvider } from "../../../src/console/show-page.tsx";
import { DAY_SHOWN_FROM_MS, relativeTimes } from "../../support/relative-times.ts";
import { parseJsonLosslessly } from "../../../src/platform/json.ts";

const render = async (element: HtmlEscapedString | Promise<HtmlEscapedString>) => String(await element);

const viewer = {
  name: "grafana",
  by: "token",
  mayChange: true,
  destinationId: null,
  formToken: "token-of-the-form",
} as const;

/** On a page of the console. */
const renderOnPage = (element: HtmlEscapedString | Promise<HtmlEscapedString>, mayChange = true) =>
  render(
    <PageContextProvider value={{ viewer: { ...viewer, mayChange }, now: 0, path: "/console", query: {} }}>
      {element}
    </PageContextProvider>,
  );

describe("a payload", () => {
  const show = (value: unknown) => render(<Json value={value} label="Payload" />);

  it("is shown with its numbers as the bank wrote them", async () => {
    expect(await show(parseJsonLosslessly('{"amount": 100.00, "id": 12345678901234567890}'))).toMatch(
      />100\.00<.*>12345678901234567890</s,
    );
  });

  it("is harmless, whatever stands in it", async () => {
    const html = await show({ "<b>": '<script>alert("1")</script>', label: "\u202Eevil", emoji: "🦀" });
    expect(html).not.toContain("<script");
    expect(html).not.toContain("<b>");
    expect(html).toContain("<bdi");
    expect(html).toContain("🦀");
  });

  it("masks IBANs in fields of their own and in the midst of a text", async () => {
    const html = await show({ iban: "FR7630006000011234567890189", label: "to DE89370400440532013000, thanks" });
    expect(html).toContain("FR76 •••• 0189");
    expect(html).toContain("to DE89 •••• 3000, thanks");
    expect(html).not.toContain("DE89370400440532013000");
  });

  it("masks account numbers, and not what is said of them", async () => {
    const html = await show({ counterparty_account_number: "123456789", account_number_format: "account_number" });
    expect(html).toMatch(/<summary[^>]*>••••<\/summary>/);
    expect(html).toContain('<bdi class="json-text">account_number</bdi>');
  });

  it("is cut where a page could not hold it, and says so", async () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`field-${index}`, index]));
    const html = await show(many);
    expect(html).toContain("There is more than a page can hold");
    expect(html.length).toBeLessThan(1_000_000);
  });

  it("may be nested deeper than anybody reads", async () => {
    const deep = parseJsonLosslessly(`${"[".repeat(5_000)}${"]".repeat(5_000)}`);
    expect(await show(deep)).toContain("… 1 items");
  });
});

describe("an IBAN", () => {
  it("is masked until somebody opens it", async () => {
    expect(await render(<Iban iban="FR76 3000 6000 0112 3456 7890 189" />)).toMatch(
      /<details[^>]*><summary[^>]*>FR76 •••• 0189<\/summary>/,
    );
  });

  it("is told from what only looks like one by its checksum", async () => {
    expect(maskIbansIn("DE89370400440532013001")).toBe("DE89370400440532013001");
    expect(maskIbansIn("DE89 3704 0044 0532 0130 00")).toBe("DE89 •••• 3000");
    expect(maskIbansIn("FR76 3000 6000 0112 3456 7890 189 EUR")).toBe("FR76 •••• 0189 EUR");
    expect(maskIbansIn("to FR7630006000011234567890189 REF 42")).toBe("to FR76 •••• 0189 REF 42");
    expect(maskIbansIn("DE89370400440532013000 FR7630006000011234567890189")).toBe("DE89 •••• 3000 FR76 •••• 0189");
  });
});

describe("an amount", () => {
  it.each([
    ["1234.50", "EUR"],
    [parseJsonLosslessly("100.00"), "EUR"],
    ["-0.10", undefined],
  ])("keeps its digits: %j", async (value, currency) => {
    const digits = typeof value === "string" ? value : JSON.stringify(value);
    expect(await render(<Amount value={value} currency={currency} />)).toContain(`>${digits}<`);
  });
});

describe("a time", () => {
  const at = Date.parse("2026-03-01T12:00:05.250Z");

  it("is shown in UTC, exact underneath", async () => {
    expect(await render(<Time at={at} />)).toBe(
      '<time datetime="2026-03-01T12:00:05.250Z" title="2026-03-01 12:00:05.250 UTC" data-show="instant">2026-03-01 12:00:05 UTC</time>',
    );
    expect(await render(<Time at={at} show="day" />)).toContain(">2026-03-01<");
  });

  it("of a text that is none is the text", async () => {
    expect(await render(<TimeOfText text="<soon>" />)).toBe("<bdi>&lt;soon&gt;</bdi>");
    expect(await render(<TimeOfText text="2026-03-01T12:00:05Z" show="minute" />)).toContain(">12:00 UTC<");
    expect(await render(<TimeOfText text="2026-03-01 13:00:05 +0100" show="minute" />)).toContain(">12:00 UTC<");
    for (const text of ["2022-11-31", "5", "March"]) {
      expect(await render(<TimeOfText text={text} />)).toBe(`<bdi>${text}</bdi>`);
    }
  });

  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1 s"],
    [119_000, "119 s"],
    [120_000, "2 min"],
    [7_199_000, "120 min"],
    [7_200_000, "2 h"],
    [172_800_000, "2 days"],
  ])("of %d ms is %s", async (ms, words) => {
    expect(durationInWords(ms)).toBe(words);
  });
});

describe("a relative time", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");

  it.each(relativeTimes)("of an age of %d ms is %s", (ageMs, words) => {
    expect(relativeTo(now, now - ageMs)).toBe(words);
  });

  it("is the day from thirty days on", () => {
    expect(relativeTo(now, now - DAY_SHOWN_FROM_MS)).toBe("2026-01-30");
    expect(relativeTo(now, now + DAY_SHOWN_FROM_MS)).toBe("2026-03-31");
  });
});

describe("a button", () => {
  const press = (mayChange: boolean) =>
    renderOnPage(
      <Press action="/console/x" kind="danger" name="do" value="it">
        Pause
      </Press>,
      mayChange,
    );

  it("is a form of the session", async () => {
    expect(await press(true)).toContain('name="form_token" value="token-of-the-form"');
    expect(await press(true)).not.toContain("disabled");
  });

  it("cannot be pressed by who may only look, and says why", async () => {
    expect(await press(false)).toMatch(/<button[^>]* disabled=""[^>]*title="This token may look and not change."/);
  });
});

describe("a list's filters", () => {
  it("live in the URL, without what is empty", async () => {
    expect(linkTo("/console/events", { type: "v1/clients", organization: "", cursor: undefined })).toBe(
      "/console/events?type=v1%2Fclients",
    );
    expect(linkTo("/console/events", {})).toBe("/console/events");
  });

  it("stay when the page is turned", async () => {
    const html = await renderOnPage(<Pager path="/console/events" query={{ type: "x", cursor: "a" }} nextCursor="b" />);
    expect(html).toContain('href="/console/events?type=x&amp;cursor=b"');
    expect(html).toContain('href="/console/events?type=x"');
    expect(await renderOnPage(<Pager path="/console/events" query={{}} nextCursor={null} />)).toBe("");
  });

  it("are labelled fields of a form that asks for the same page", async () => {
    const html = await renderOnPage(
      <Filters path="/console/events">
        <TextField label="Type" name="type" help="Exact" />
      </Filters>,
    );
    expect(html).toMatch(/<form method="get" action="\/console\/events"/);
    expect(html).toMatch(/<label for="type">Type<\/label><input name="type"[^>]* id="type"/);
  });
});
