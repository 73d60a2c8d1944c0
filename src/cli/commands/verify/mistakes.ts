import { MAX_DIGESTS, MAX_HEADER_CHARACTERS } from "../../../qonto/signature.ts";

/** A known mistake: how it shows, and what to do instead. */
export interface Mistake {
  /** Stable, for programs. */
  readonly code: string;
  readonly explanation: string;
  readonly remedy: string;
}

const RAW_BODY =
  "Verify the bytes of the request as they came, before anything parses them (express.raw, request.get_data(), php://input, c.req.arrayBuffer()).";
const SIGNED_BYTES = "The signed bytes are the timestamp, a dot and the raw body: `<t>.<body>`.";
const WHOLE_SECRET = "The key is the secret's whole text as UTF-8, nothing stripped and nothing decoded.";
const WHOLE_HEADER = "Take the header's value whole: `t=<unix seconds>,v1=<64 hex characters>`.";
const HEX = 'Qonto writes the digest in hexadecimal: `.digest("hex")`, `.hexdigest()`.';

export type BodyMistakeCode =
  | "body_trailing_newline"
  | "body_line_endings"
  | "body_byte_order_mark"
  | "body_encoded_twice"
  | "body_reserialised"
  | "body_compressed"
  | "body_charset"
  | "body_in_base64"
  | "only_data_signed"
  | "empty_body_signed";

/** Remedies of mistakes with a body, where it is not to take the raw one. */
const bodyRemedies: Readonly<Partial<Record<BodyMistakeCode, string>>> = {
  body_trailing_newline:
    "Read and write the file as it is, byte for byte: `curl --data-binary`, not `--data`; no editor in between.",
  body_line_endings: "Let no tool convert line endings (git's autocrlf, FTP in text mode, Windows editors).",
  body_byte_order_mark: "Save it as UTF-8 without a byte-order mark.",
  body_in_base64: "Decode it first: gateways that pass bytes on as text say so (`isBase64Encoded`).",
};

/** The signature fits the body written in another way. */
export function bodyMistake(code: BodyMistakeCode, how: string): Mistake {
  const explanation = `The signature is right for the body ${how}, not for the bytes of this file.`;
  return { code, explanation, remedy: bodyRemedies[code] ?? RAW_BODY };
}

export function secretMistake(code: string, how: string, remedy = WHOLE_SECRET): Mistake {
  return { code, explanation: `The signature is right under the secret ${how}.`, remedy };
}

export function signedBytesMistake(code: string, what: string, remedy = SIGNED_BYTES): Mistake {
  return { code, explanation: `The signature is right for ${what}.`, remedy };
}

export const secretWithWhiteSpace = secretMistake(
  "secret_with_white_space",
  "without the white space around it",
  "Trim what you read: a file or a variable often ends in a line break.",
);

export const millisecondsSignedSecondsSent = signedBytesMistake(
  "timestamp_in_milliseconds",
  "the timestamp in milliseconds, but the header gives it in seconds",
  "Sign the header's own text of the timestamp.",
);

/** Mistakes that have one text each, by their codes. */
const texts = {
  header_empty: {
    explanation: "The header is empty.",
    remedy: `Look whether a proxy drops it, and read the right one. ${WHOLE_HEADER}`,
  },
  header_too_long: {
    explanation: `The header has more than ${MAX_HEADER_CHARACTERS} characters: the relay does not read it.`,
    remedy: `Look for what adds to it on the way. ${WHOLE_HEADER}`,
  },
  header_in_quotes: {
    explanation: "The header's value is in quotes.",
    remedy: WHOLE_HEADER,
  },
  standard_webhooks_header: {
    explanation:
      "This is a `webhook-signature` of Standard Webhooks, as this relay sends it to destinations; Qonto sends none.",
    remedy: "Verify it with a Standard Webhooks library, or verify `X-Qonto-Signature`, which is sent with it.",
  },
  header_without_timestamp: {
    explanation: "The header has no `t=`: its beginning is lost.",
    remedy: WHOLE_HEADER,
  },
  header_without_digest: {
    explanation: "The header has no `v1=`: it is cut at the comma.",
    remedy: `Some tools split headers at commas. ${WHOLE_HEADER}`,
  },
  timestamp_unreadable: {
    explanation: "The value of `t=` is not a number of seconds.",
    remedy: WHOLE_HEADER,
  },
  timestamp_twice: {
    explanation: "The header has more than one `t=`: two headers were joined.",
    remedy: "Verify one header at a time.",
  },
  digest_twice: {
    explanation: "The header has more than one digest: two headers were joined.",
    remedy: "Verify one header at a time.",
  },
  too_many_digests: {
    explanation: `The header has more than ${MAX_DIGESTS} \`v1=\`: the relay refuses it.`,
    remedy: "Send one for each secret that is valid: two while a secret is being rotated.",
  },
  digest_unreadable: {
    explanation: "The digest is neither 64 hexadecimal characters nor anything that could be taken for them.",
    remedy: HEX,
  },
  digest_truncated: {
    explanation: "The digest has fewer than 64 hexadecimal characters: its end is lost.",
    remedy: "Look for a column, a log or a variable that cuts long values.",
  },
  digest_in_base64: {
    explanation: "The digest is written in base64.",
    remedy: HEX,
  },
  hex_in_base64: {
    explanation: "The digest is hexadecimal text that was written in base64 once more.",
    remedy: HEX,
  },
  digest_prefixed: {
    explanation: "The digest begins with `sha256=`: others sign so, Qonto does not.",
    remedy: HEX,
  },

  timestamp_in_milliseconds: {
    explanation: "The timestamp has 13 digits: those are milliseconds.",
    remedy: "Sign and compare Unix seconds: `Math.floor(Date.now() / 1000)`.",
  },
  business_signature_as_onboarding: {
    explanation:
      "The digest is the Business API's, over a timestamp and the body: it comes from X-Qonto-Signature, without its `t=`.",
    remedy: `Verify X-Qonto-Signature. ${WHOLE_HEADER}`,
  },

  // Guessed by the form: nothing that was computed fits.
  api_key_instead_of_secret: {
    explanation: "This looks like an API key or an access token, not like a webhook's secret; nothing fits under it.",
    remedy:
      "Use the secret of the subscription, which Qonto showed when it was created. If it is lost, create a second subscription.",
  },
  body_empty: {
    explanation: "The body is empty.",
    remedy: `Something has read it before. ${RAW_BODY}`,
  },
  body_compressed: {
    explanation: "The body is compressed, and the signature does not fit what is in it either.",
    remedy: RAW_BODY,
  },
} as const satisfies Readonly<Record<string, Omit<Mistake, "code">>>;

export type MistakeCode = keyof typeof texts;

export function mistakeOf(code: MistakeCode): Mistake {
  return { code, ...texts[code] };
}

export function tooOld(ageSeconds: number, toleranceSeconds: number): Mistake {
  return {
    code: "timestamp_too_old",
    explanation: `The signature is right, but ${ageSeconds} s old: ${ageSeconds - toleranceSeconds} s more than the ${toleranceSeconds} s that are allowed.`,
    remedy: "Look at the clock of this machine. To judge an event of the past, give the time it came with --at.",
  };
}

export function inFuture(leadSeconds: number, toleranceSeconds: number): Mistake {
  return {
    code: "timestamp_in_future",
    explanation: `The signature is right, but ${leadSeconds} s ahead: ${leadSeconds - toleranceSeconds} s more than the ${toleranceSeconds} s that are allowed.`,
    remedy: "Set the clocks of both machines by the network (NTP).",
  };
}
