import { isObject, tryParseJson } from "../../../platform/json.ts";
import { withPrefix } from "../../../platform/hmac.ts";
import type { Guess } from "./guess.ts";
import {
  millisecondsSignedSecondsSent,
  onlyBodySigned,
  secondsSignedMillisecondsSent,
  signedBytesMistake,
} from "./mistakes.ts";
import type { Claim } from "./read-claim.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What is signed, made of a body. */
export type Framing = (body: Bytes) => Bytes;

/** The ways in which people put timestamp and body together. */
export function guessFramings({ scheme, timestamp }: Claim): Guess<Framing>[] {
  const bodyAlone: Framing = (body) => body;
  if (scheme === "onboarding") return [{ value: bodyAlone, mistake: null }];
  if (timestamp === null) return [{ value: bodyAlone, mistake: onlyBodySigned }];
  const prefixed =
    (prefix: string): Framing =>
    (body) =>
      withPrefix(prefix, body);
  return [
    { value: prefixed(`${timestamp}.`), mistake: null },
    { value: bodyAlone, mistake: onlyBodySigned },
    ...(isInMilliseconds(timestamp)
      ? [{ value: prefixed(`${timestamp.slice(0, -3)}.`), mistake: secondsSignedMillisecondsSent }]
      : [{ value: prefixed(`${timestamp}000.`), mistake: millisecondsSignedSecondsSent }]),
    {
      value: prefixed(timestamp),
      mistake: signedBytesMistake("dot_not_signed", "timestamp and body without the dot between them"),
    },
    {
      value: prefixed(`t=${timestamp}.`),
      mistake: signedBytesMistake("label_signed", "`t=` before the timestamp, which is not signed"),
    },
    {
      value: (body) => Buffer.concat([body, Buffer.from(`.${timestamp}`)]),
      mistake: signedBytesMistake("wrong_order_signed", "the body first, the timestamp behind it"),
    },
    {
      value: (body) => withPrefix(`${idOf(body)}.${timestamp}.`, body),
      mistake: signedBytesMistake("event_id_signed", "event id, timestamp and body, as Standard Webhooks signs"),
    },
  ];
}

/** As seconds it would be past the year 5000. */
export function isInMilliseconds(timestamp: string): boolean {
  return Number(timestamp) >= 100_000_000_000;
}

function idOf(body: Bytes): string {
  const json = tryParseJson(Buffer.from(body).toString());
  return isObject(json) && typeof json["id"] === "string" ? json["id"] : "";
}
