import ipaddr from "ipaddr.js";
import { NO_ANSWER_IN_TIME, networkReason } from "../../../../platform/http.ts";
import { secretNames } from "../../../webhook-secret.ts";
import { QONTO_WAITS_MS, type WebhookAnswer, describeAnswer } from "../../../webhook.ts";
import type { Address, Certificate } from "../circumstances.ts";
import type { FaultName } from "../faults.ts";
import { type Finding, type Result, failed, judged, skipped } from "../finding.ts";
import type { Addresses, Target } from "../target.ts";

/** Qonto must be able to call it: over https, at a public address. */
export async function checkAddress(target: Target): Promise<Result> {
  return judgeAddress(target.circumstances.address, await target.addresses());
}

export function judgeAddress(address: Address, addresses: Addresses): Result {
  const { strangePath, webhookUrl, origin, isHttps, isLocal } = address;
  return judged(
    [
      strangePath !== null && {
        fault: "url_path_wrong",
        seen: `The path of --url is ${strangePath}; the doctor goes on with ${webhookUrl}.`,
      },
      !isHttps && !isLocal && { fault: "url_not_https", seen: `The address is ${origin}.` },
      judgeAddresses(address, addresses),
    ],
    `${webhookUrl} is at ${"found" in addresses ? addresses.found.join(", ") : ""}.`,
    [isLocal && "It is on this machine: right for development, but Qonto cannot reach it."],
  );
}

function judgeAddresses({ host, isLocal }: Address, addresses: Addresses): Finding | false {
  if ("code" in addresses) {
    const fault = addresses.code === "ENOTFOUND" ? "host_unknown" : "host_lookup_failed";
    return { fault, seen: `Looking the name up ended with ${addresses.code}.`, about: { host } };
  }
  const hidden = addresses.found.filter((one) => !isPublic(one));
  return !isLocal && hidden.length > 0 && { fault: "address_private", seen: `${host} is at ${hidden.join(", ")}.` };
}

export function isPublic(ip: string): boolean {
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === "unicast";
}

const DAY_MS = 86_400_000;

/** Automatic renewal happens a month ahead; a certificate with less than this left is not renewed. */
const LEAST_LEFT_DAYS = 14;

/** Qonto checks the certificate as every client does. */
export async function checkCertificate(target: Target): Promise<Result> {
  const { address, world } = target.circumstances;
  if (!address.isHttps) return skipped("There is none without https.");
  await target.requireHost();
  try {
    return judgeCertificate(await world.certificateOf(address.host, address.port), address.host, world.now());
  } catch (error) {
    const seen = `The handshake with ${address.host}:${address.port} ended: ${networkReason(error)}.`;
    return failed({ fault: "tls_fails", seen });
  }
}

const faultsOfCertificates: Readonly<Record<string, FaultName>> = {
  CERT_HAS_EXPIRED: "certificate_expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate_for_another_host",
};

export function judgeCertificate({ validUntil, refusedFor, issuer }: Certificate, host: string, now: number): Result {
  const leftDays = (validUntil - now) / DAY_MS;
  const end = new Date(validUntil).toISOString().slice(0, 10);
  if (refusedFor !== null) {
    const fault = faultsOfCertificates[refusedFor] ?? "certificate_untrusted";
    return failed({ fault, seen: `The certificate of ${host}, valid until ${end}, is refused: ${refusedFor}.` });
  }
  const seen = `It is valid until ${end}: ${Math.max(0, Math.floor(leftDays))} days are left.`;
  return judged(
    [leftDays < LEAST_LEFT_DAYS && { fault: "certificate_expires_soon", seen }],
    `Trusted, from ${issuer}, and valid for another ${Math.floor(leftDays)} days.`,
  );
}

/** Codes of the relay's check of signatures: the request arrived. What they mean is up to that check. */
const aboutSignature = /^(signature_|timestamp_)/;

/** Qonto wants its POST answered with 2xx within a second. */
export async function checkAnswer(target: Target): Promise<Result> {
  await target.requireHost();
  const { address, secrets } = target.circumstances;
  const answers = await target.canaries();
  const named = await target.variablesAtFault();
  return judgeAnswers(answers, { url: address.webhookUrl, isSigned: secrets.business !== null, named });
}

interface Posts {
  readonly url: string;
  readonly isSigned: boolean;
  /** The variables that /health names, for a relay that lacks some. */
  readonly named?: readonly string[];
}

export function judgeAnswers(answers: readonly WebhookAnswer[], { url, isSigned, named = [] }: Posts): Result {
  const durations = answers.map(({ durationMs }) => durationMs).toSorted((one, other) => one - other);
  const worst = Math.round(durations.at(-1) ?? 0);
  const median = Math.round(durations[Math.floor(durations.length / 2)] ?? 0);
  const times = `${answers.length} POSTs: median ${median} ms, worst ${worst} ms`;
  const byFault = Map.groupBy(answers, faultOf);
  const findings = Array.from(byFault, ([fault, those]): Finding | false => {
    const shown = [...new Set(those.map(describe))].join("; ");
    return (
      fault !== null && {
        fault,
        seen: `POST ${url}, ${those.length} of ${answers.length} times: ${shown}.`,
        about: { variable: named.length > 0 ? named : secretNames.business },
      }
    );
  });
  const isSlow = worst > QONTO_WAITS_MS && !byFault.has("answer_too_slow");
  const refused = answers.find(({ accepted }) => !accepted);
  const answered =
    refused === undefined ? "Answered 200 within 1 s" : `In time, but with ${describe(refused)}: see \`signature\``;
  return judged([...findings, isSlow && { fault: "answer_too_slow", seen: `${times}.` }], `${answered}. ${times}.`, [
    !isSigned &&
      refused !== undefined &&
      "The POSTs bore no signature, so nothing was written: with QONTO_WEBHOOK_SECRETS the time is the real one.",
  ]);
}

function describe(answer: WebhookAnswer): string {
  return answer.location === null ? describeAnswer(answer) : `${describeAnswer(answer)} to ${answer.location}`;
}

/** What is wrong with an answer; null when the request reached the relay and was read. */
function faultOf({ status, code, accepted, reason, isFromAccess }: WebhookAnswer): FaultName | null {
  if (status === null) return reason === NO_ANSWER_IN_TIME ? "answer_too_slow" : "relay_unreachable";
  if (accepted || (code !== null && aboutSignature.test(code))) return null;
  if (code === "not_configured") return "relay_not_configured";
  if (code === "not_ready") return "migrations_missing";
  if (code === "not_stored") return "not_stored";
  if (isFromAccess) return "behind_access";
  if (status >= 300 && status < 400) return "redirected";
  if (status === 404 || status === 410) return "path_not_found";
  if (status === 405) return "post_refused";
  if ([401, 403, 407].includes(status)) return "login_before_relay";
  return status >= 500 ? "relay_error" : "not_a_relay";
}

/** Whether requests reach the relay's check of signatures. */
export function reachesSignatureCheck(answers: readonly WebhookAnswer[]): boolean {
  return answers.some((answer) => answer.status !== null && faultOf(answer) === null);
}

const USUAL_TOLERANCE_SECONDS = 300;
/** A clock that is set by the network is never this far off. */
const MOST_APART_MS = 30_000;

export interface Clocks {
  /** How far each is ahead of this machine's; null when it is not known. */
  readonly relayAheadMs: number | null;
  readonly qontoAheadMs: number | null;
  readonly toleranceSeconds: number | null;
  /** The relay's clock is this machine's own. */
  readonly isLocal: boolean;
}

/** A signature is judged by its age: sender and receiver must agree on the time. */
export async function checkClocks(target: Target): Promise<Result> {
  const { qonto, address } = target.circumstances;
  return judgeClocks({
    relayAheadMs: await target.clockAheadMs(),
    qontoAheadMs: "thing" in qonto ? qonto.thing.clockAheadMs : null,
    toleranceSeconds: (await target.knownDiagnostics())?.configuration.signature_tolerance_seconds ?? null,
    isLocal: address.isLocal,
  });
}

export function judgeClocks({ relayAheadMs, qontoAheadMs, toleranceSeconds, isLocal }: Clocks): Result {
  const tolerance = toleranceSeconds ?? USUAL_TOLERANCE_SECONDS;
  const limitMs = Math.min(MOST_APART_MS, Math.max(2_000, tolerance * 500));
  const isApart = (ms: number) => Math.abs(ms) > limitMs;
  const shown = [
    ...(relayAheadMs === null ? [] : [`The relay's clock is ${apart(relayAheadMs)} this machine's`]),
    ...(qontoAheadMs === null ? [] : [`Qonto's clock is ${apart(qontoAheadMs)} this machine's`]),
  ].join("; ");
  if (shown === "") {
    return skipped("Neither the relay nor Qonto tells the time.", "Set QONTO_ACCESS_TOKEN to ask Qonto.");
  }
  const seen = `${shown}.`;
  const isRelayOff = relayAheadMs !== null && isApart(relayAheadMs - (qontoAheadMs ?? 0));
  // A relay on this machine shares its clock: one finding is enough.
  const isOwnOff = qontoAheadMs !== null && isApart(qontoAheadMs) && !(isLocal && relayAheadMs !== null);
  return judged(
    [
      isRelayOff && {
        fault: qontoAheadMs === null ? "clocks_disagree" : "relay_clock_off",
        seen,
        about: { tolerance: String(tolerance) },
      },
      isOwnOff && { fault: "own_clock_off", seen },
    ],
    `${shown}; ${tolerance} s are tolerated.`,
  );
}

function apart(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 1) return "level with";
  return `${seconds} s ${ms > 0 ? "ahead of" : "behind"}`;
}

/** The operator's API must let the doctor in: the checks behind this one ask it. */
export async function checkAccess(target: Target): Promise<Result> {
  await target.requireAnswer();
  return (await target.access()).result;
}
