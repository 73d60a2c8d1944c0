import { createHmac } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Question, explainSignature } from "../../../src/cli/commands/verify/explain-signature.ts";
import { sampleEvent, sampleTypes } from "../../../src/qonto/sample-event.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8d3pXzQvNqM=";
const KEY_OF_SECRET = Buffer.from(SECRET.slice(6), "base64");
const T = 1_704_110_400;

/** Everything that a writer of JSON can write in two ways. */
const event = {
  type: "v1/transactions",
  id: "evt-1",
  created_at: "2024-01-01T11:59:58Z",
  data: { url: "https://a.example/b", label: "café 💳 <&>", amount: 50.01 },
};
const RAW = JSON.stringify(event);

type Data = string | Uint8Array;

function hmac(key: Data, ...parts: readonly Data[]) {
  return parts.reduce((sum: ReturnType<typeof createHmac>, part) => sum.update(part), createHmac("sha256", key));
}

const hex = (key: Data, ...parts: readonly Data[]) => hmac(key, ...parts).digest("hex");

/** As Qonto signs, but for the key or the body that is given. */
function businessHeader({
  key = SECRET,
  body = RAW,
  t = String(T),
}: { key?: Data; body?: Data; t?: string } = {}): string {
  return `t=${t},v1=${hex(key, `${t}.`, body)}`;
}

interface Case {
  readonly header?: string;
  readonly secrets?: readonly string[];
  readonly body?: Data;
  readonly at?: number;
  readonly scheme?: Question["scheme"];
}

function explain({ header = businessHeader(), secrets = [SECRET], body = RAW, at = T, scheme }: Case) {
  const bytes = Uint8Array.from(typeof body === "string" ? Buffer.from(body) : body);
  return explainSignature({ header, secrets, body: bytes, at, scheme, toleranceSeconds: 300 });
}

const codesOf = async (one: Case) => (await explain(one)).mistakes.map(({ code }) => code);

describe("a signature that is right", () => {
  it("matches: Qonto's vector of the Business API", async () => {
    const header = "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805";
    const explanation = await explain({ header, secrets: ["test-secret"], body: '{"test":"data"}' });
    expect(explanation).toEqual({ verdict: "matches", scheme: "business", secret: 1, timestamp: T, mistakes: [] });
  });

  it("matches: Qonto's vector of the Onboarding API", async () => {
    const header = "b0d249e653f1310fa5b7f26d5682548afa1799353b92fcafd4cacbd90312023e";
    const body =
      '{"id":"75341dcb-0376-474d-97d7-d2c03ff3973c","event_type":"registrations.pending","resource_type":"registration","resource_id":"525817f7-93e8-4f31-a83d-20319778b4b0","created_at":"2022-08-29T13:17:32Z"}';
    const explanation = await explain({ header, secrets: ["secret_key"], body });
    expect(explanation).toEqual({ verdict: "matches", scheme: "onboarding", secret: 1, timestamp: null, mistakes: [] });
  });

  it.each<[string, Case]>([
    ["in upper case", { header: `t=${T},v1=${hex(SECRET, `${T}.`, RAW).toUpperCase()}` }],
    ["with the header's name before it", { header: `X-Qonto-Signature: ${businessHeader()}` }],
    [
      "beside another one, while keys are rotated",
      { header: `t=${T},v1=${"0".repeat(64)},v1=${hex(SECRET, `${T}.`, RAW)}` },
    ],
    ["in a header that comes twice with one value", { header: `${businessHeader()}, ${businessHeader()}` }],
    ["in a header that is split over two lines", { header: businessHeader().replace(",", ", ") }],
    ["beside an empty header of the same name", { header: `, ${businessHeader()}` }],
    [
      "as the eighth of eight",
      { header: `t=${T}${`,v1=${"0".repeat(64)}`.repeat(7)},v1=${hex(SECRET, `${T}.`, RAW)}` },
    ],
    ["behind a field that the relay leaves out", { header: `v1,${businessHeader()}` }],
    ["twice in the Onboarding API's header", { header: `${hex(SECRET, RAW)}, ${hex(SECRET, RAW)}` }],
    ["with leading zeros, which are signed", { header: businessHeader({ t: `00000${T}` }) }],
    ["of an empty body", { header: businessHeader({ body: "" }), body: "" }],
    [
      "of a body that is no text",
      { header: businessHeader({ body: Buffer.from([0xff, 0x00, 0xfe]) }), body: Buffer.from([0xff, 0x00, 0xfe]) },
    ],
    ["exactly as old as is allowed", { at: T + 300 }],
    ["exactly as far ahead as is allowed", { at: T - 300 }],
    [
      "under a secret with white space, which Qonto's has",
      { secrets: [" s \n"], header: businessHeader({ key: " s \n" }) },
    ],
  ])("matches %s", async (_how, one) => {
    expect(await explain(one)).toMatchObject({ verdict: "matches", mistakes: [] });
  });

  it("tells which of several secrets fits", async () => {
    expect(await explain({ secrets: ["one", SECRET, "three"] })).toMatchObject({ verdict: "matches", secret: 2 });
  });

  it("is never accused of a mistake", async () => {
    const secret = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.constantFrom(...sampleTypes).map((type) => Buffer.from(JSON.stringify(sampleEvent(type)))),
    );
    const header = { t: fc.integer({ min: T - 300, max: T + 300 }), isBusiness: fc.boolean() };
    await fc.assert(
      fc.asyncProperty(secret, body, fc.record(header), async (key, bytes, { t, isBusiness }) => {
        const signature = isBusiness ? businessHeader({ key, body: bytes, t: String(t) }) : hex(key, bytes);
        const explanation = await explain({ header: signature, secrets: [key], body: bytes });
        expect(explanation).toMatchObject({ verdict: "matches", secret: 1, mistakes: [] });
      }),
      { numRuns: 200 },
    );
  });
});

describe("names the mistake that was made", () => {
  const right = hex(SECRET, `${T}.`, RAW);
  const pythonBody = RAW.replaceAll('":', '": ').replaceAll(',"', ', "').replaceAll("https: //", "https://");
  const { created_at, data, id, type } = event;
  const sorted = JSON.stringify({
    created_at,
    data: { amount: data.amount, label: data.label, url: data.url },
    id,
    type,
  });
  const unicodeEscaped = RAW.replace("é", "\\u00e9").replace("💳", "\\ud83d\\udcb3");
  const slashesEscaped = RAW.replaceAll("/", "\\/");

  it.each<[string, string, Case]>([
    // The file is not what was signed.
    ["body_reserialised", "indented by 2 before it was saved", { body: JSON.stringify(event, null, 2) }],
    ["body_reserialised", "indented by 4 before it was saved", { body: JSON.stringify(event, null, 4) }],
    ["body_reserialised", "indented by tabs before it was saved", { body: JSON.stringify(event, null, "\t") }],
    ["body_reserialised", "serialised again by Python before it was saved", { body: pythonBody }],
    [
      "body_reserialised",
      "serialised again by PHP before it was saved",
      { body: unicodeEscaped.replaceAll("/", "\\/") },
    ],
    // The signer signed something else than it sent.
    [
      "body_reserialised",
      "signed as indented by 2",
      { header: businessHeader({ body: JSON.stringify(event, null, 2) }) },
    ],
    [
      "body_reserialised",
      "signed as indented by 4",
      { header: businessHeader({ body: JSON.stringify(event, null, 4) }) },
    ],
    [
      "body_reserialised",
      "signed as indented by tabs",
      { header: businessHeader({ body: JSON.stringify(event, null, "\t") }) },
    ],
    ["body_reserialised", "signed as Python writes it", { header: businessHeader({ body: pythonBody }) }],
    ["body_reserialised", "signed with its keys sorted", { header: businessHeader({ body: sorted }) }],
    ["body_reserialised", "signed with slashes escaped", { header: businessHeader({ body: slashesEscaped }) }],
    ["body_reserialised", "signed with unicode escaped", { header: businessHeader({ body: unicodeEscaped }) }],
    [
      "body_reserialised",
      "signed as Go writes it",
      { header: businessHeader({ body: RAW.replace("<&>", "\\u003c\\u0026\\u003e") }) },
    ],
    [
      "body_reserialised",
      "signed after JavaScript had parsed a number",
      { header: businessHeader({ body: '{"amount":12.5}' }), body: '{"amount":12.50}' },
    ],
    ["body_trailing_newline", "a line break added by an editor", { body: `${RAW}\n` }],
    ["body_trailing_newline", "a line break lost", { header: businessHeader({ body: `${RAW}\n` }) }],
    ["body_trailing_newline", "a Windows line break lost", { header: businessHeader({ body: `${RAW}\r\n` }) }],
    ["body_line_endings", "LF made CRLF", { header: businessHeader({ body: "{\n}" }), body: "{\r\n}" }],
    ["body_line_endings", "CRLF made LF", { header: businessHeader({ body: "{\r\n}" }), body: "{\n}" }],
    ["body_byte_order_mark", "a byte-order mark added", { body: `\uFEFF${RAW}` }],
    ["body_byte_order_mark", "a byte-order mark lost", { header: businessHeader({ body: `\uFEFF${RAW}` }) }],
    ["body_compressed", "saved as gzip", { body: gzipSync(RAW) }],
    ["body_compressed", "saved as deflate", { body: deflateSync(RAW) }],
    ["body_in_base64", "saved in base64", { body: Buffer.from(RAW).toString("base64") }],
    ["body_encoded_twice", "saved as a JSON string", { body: JSON.stringify(RAW) }],
    ["body_charset", "UTF-8 taken for Latin-1", { body: Buffer.from(Buffer.from(RAW).toString("latin1")) }],
    [
      "body_charset",
      "saved as Latin-1",
      { header: businessHeader({ body: '{"a":"é"}' }), body: Buffer.from('{"a":"é"}', "latin1") },
    ],
    ["only_data_signed", "only `data` signed", { header: businessHeader({ body: JSON.stringify(event.data) }) }],
    ["empty_body_signed", "an empty body signed", { header: businessHeader({ body: "" }) }],
    ["body_empty", "a body that something has read before", { body: "" }],
    ["body_compressed", "a broken archive", { body: gzipSync(RAW).subarray(0, 20) }],

    ["secret_with_white_space", "a line break behind the secret", { secrets: [`${SECRET}\n`] }],
    ["secret_with_white_space", "a space before the secret", { secrets: [` ${SECRET}`] }],
    [
      "secret_with_white_space",
      "signed with a line break behind the secret",
      { header: businessHeader({ key: `${SECRET}\n` }) },
    ],
    ["secret_in_quotes", "quotes around the secret", { secrets: [`"${SECRET}"`] }],
    ["secret_in_quotes", "single quotes around the secret", { secrets: [`'${SECRET}'`] }],
    ["secret_in_quotes", "signed with quotes around the secret", { header: businessHeader({ key: `"${SECRET}"` }) }],
    ["secret_prefix_stripped", "signed without whsec_", { header: businessHeader({ key: SECRET.slice(6) }) }],
    ["secret_prefix_missing", "whsec_ lost", { secrets: [SECRET.slice(6)] }],
    ["secret_base64_decoded", "signed with the decoded secret", { header: businessHeader({ key: KEY_OF_SECRET }) }],
    [
      "secret_hex_decoded",
      "signed with the decoded secret",
      { secrets: ["00ff10ab"], header: businessHeader({ key: Buffer.from("00ff10ab", "hex") }) },
    ],
    ["api_key_instead_of_secret", "login:key", { secrets: ["croissant-9134:e6bd4f6bbc7b0f6d2e8f"] }],
    ["api_key_instead_of_secret", "a JWT", { secrets: ["eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl"] }],
    ["api_key_instead_of_secret", "a bearer token", { secrets: ["Bearer abcdefgh"] }],

    ["header_empty", "no header", { header: "" }],
    ["header_in_quotes", "quotes around the header", { header: `"${businessHeader()}"` }],
    [
      "standard_webhooks_header",
      "the relay's other signature",
      { header: `v1,${Buffer.from(right, "hex").toString("base64")}` },
    ],
    ["header_without_timestamp", "its beginning lost", { header: `v1=${right}` }],
    ["header_without_digest", "cut at the comma", { header: `t=${T}` }],
    ["header_without_digest", "the digest's name lost", { header: `t=${T},${right}` }],
    ["header_without_digest", "cut behind the name of the digest", { header: `t=${T},v1=` }],
    ["timestamp_unreadable", "a date instead of seconds", { header: `t=2024-01-01,v1=${right}` }],
    ["timestamp_twice", "two headers joined", { header: `${businessHeader()},t=${T}` }],
    ["too_many_digests", "nine of them", { header: `t=${T}${`,v1=${right}`.repeat(9)}` }],
    ["too_many_digests", "nine of them, none right", { header: `t=${T}${`,v1=${"0".repeat(64)}`.repeat(9)}` }],
    ["header_too_long", "padded by a proxy", { header: `${businessHeader()},x=${"x".repeat(4_096)}` }],
    ["header_empty", "nothing but what joins two empty lines", { header: ", " }],
    ["digest_twice", "two headers of the Onboarding API joined", { header: `${hex(SECRET, RAW)}, ${"0".repeat(64)}` }],
    ["digest_unreadable", "no digest at all", { header: `t=${T},v1=<digest>` }],
    ["digest_truncated", "one character lost", { header: `t=${T},v1=${right.slice(0, 63)}` }],
    ["digest_truncated", "most of it lost", { header: `t=${T},v1=${right.slice(0, 12)}` }],
    ["digest_in_base64", "base64", { header: `t=${T},v1=${Buffer.from(right, "hex").toString("base64")}` }],
    ["digest_in_base64", "base64url", { header: `t=${T},v1=${Buffer.from(right, "hex").toString("base64url")}` }],
    ["digest_in_base64", "base64 in the Onboarding API's header", { header: hmac(SECRET, RAW).digest("base64") }],
    [
      "hex_in_base64",
      "base64 of the hexadecimal text",
      { header: `t=${T},v1=${Buffer.from(right).toString("base64")}` },
    ],
    ["digest_prefixed", "as others sign", { header: `sha256=${hex(SECRET, RAW)}` }],

    ["timestamp_in_milliseconds", "signed and sent", { header: businessHeader({ t: `${T}123` }) }],
    ["timestamp_in_milliseconds", "sent, seconds signed", { header: `t=${T}123,v1=${right}` }],
    ["timestamp_in_milliseconds", "signed, seconds sent", { header: `t=${T},v1=${hex(SECRET, `${T}123.`, RAW)}` }],
    [
      "timestamp_not_signed",
      "the Onboarding API's digest in the Business API's header",
      { header: `t=${T},v1=${hex(SECRET, RAW)}` },
    ],
    ["business_signature_as_onboarding", "the Business API's digest alone", { header: right }],
    ["dot_not_signed", "the dot lost", { header: `t=${T},v1=${hex(SECRET, String(T), RAW)}` }],
    ["label_signed", "t= signed", { header: `t=${T},v1=${hex(SECRET, `t=${T}.`, RAW)}` }],
    ["wrong_order_signed", "the body first", { header: `t=${T},v1=${hex(SECRET, RAW, `.${T}`)}` }],
    ["event_id_signed", "as Standard Webhooks signs", { header: `t=${T},v1=${hex(SECRET, `evt-1.${T}.`, RAW)}` }],
    ["timestamp_too_old", "a second too old", { at: T + 301 }],
    ["timestamp_in_future", "a second too far ahead", { at: T - 301 }],
  ])("%s: %s", async (code, _how, one) => {
    const { verdict, mistakes } = await explain(one);
    expect(verdict).toBe("mistaken");
    expect(mistakes.map((mistake) => mistake.code)).toEqual([code]);
  });

  it.each<[string[], Case]>([
    [
      ["timestamp_not_signed", "body_reserialised"],
      { header: `t=${T},v1=${hex(SECRET, JSON.stringify(event, null, 2))}` },
    ],
    [
      ["secret_base64_decoded", "body_trailing_newline"],
      { header: businessHeader({ key: KEY_OF_SECRET }), body: `${RAW}\n` },
    ],
    [["event_id_signed", "secret_base64_decoded"], { header: `t=${T},v1=${hex(KEY_OF_SECRET, `evt-1.${T}.`, RAW)}` }],
    [
      ["digest_in_base64", "secret_with_white_space"],
      { header: `t=${T},v1=${Buffer.from(right, "hex").toString("base64")}`, secrets: [`${SECRET} `] },
    ],
    [["header_without_timestamp", "timestamp_not_signed"], { header: `v1=${hex(SECRET, RAW)}` }],
  ])("two at once: %j", async (codes, one) => {
    expect(await codesOf(one)).toEqual(codes);
  });

  it("and proves the secret right where the header has lost its timestamp", async () => {
    expect(await explain({ header: `v1=${right}` })).toMatchObject({ secret: 1 });
  });

  it("and which secret it was made with", async () => {
    expect(await explain({ secrets: ["other", `${SECRET}\n`] })).toMatchObject({ verdict: "mistaken", secret: 2 });
  });
});

describe("a signature that nothing explains", () => {
  it("is said to be so", async () => {
    const explanation = await explain({ secrets: ["another secret"] });
    expect(explanation).toMatchObject({ verdict: "unexplained", secret: null, mistakes: [] });
  });

  it("is not taken for a digest that is cut when its beginning differs", async () => {
    const [mistake, ...more] = (await explain({ header: `t=${T},v1=${"0".repeat(20)}` })).mistakes;
    expect([mistake?.code, more]).toEqual(["digest_truncated", []]);
  });
});
