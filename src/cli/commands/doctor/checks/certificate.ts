import { networkReason } from "../../../network.ts";
import { CannotExamine, type Patient } from "../patient.ts";
import { type FaultName, type Finding, type Result, failed, judged, skipped } from "../finding.ts";
import type { Certificate } from "../world.ts";

const DAY_MS = 86_400_000;

/** Who renews by machine does so a month ahead; what has less than this left is not renewed. */
const LEAST_LEFT_DAYS = 14;

/** Qonto checks the certificate as every client does. */
export async function examineCertificate(patient: Patient): Promise<Result> {
  const { target, world } = patient.circumstances;
  if (!target.isHttps) return skipped("There is none without https.");
  if ("code" in (await patient.addresses())) throw new CannotExamine(skipped("Its host is not found: see `address`."));
  try {
    return judgeCertificate(await world.certificateOf(target.host, target.port), target.host, world.now());
  } catch (error) {
    return failed({
      fault: "tls_fails",
      what: "No https connection comes about.",
      seen: `The handshake with ${target.host}:${target.port} ended: ${networkReason(error)}.`,
      remedy: "Look whether a server listens there, and whether it speaks TLS on that port.",
    });
  }
}

export function judgeCertificate({ validUntil, refusedFor, issuer }: Certificate, host: string, now: number): Result {
  const leftDays = (validUntil - now) / DAY_MS;
  const end = new Date(validUntil).toISOString().slice(0, 10);
  if (refusedFor !== null) return failed(refused(refusedFor, host, end));
  const soon: Finding = {
    fault: "certificate_expires_soon",
    what: "The certificate is about to expire; then Qonto's calls fail at once.",
    seen: `It is valid until ${end}: ${Math.max(0, Math.floor(leftDays))} days are left.`,
    remedy: "Look why it has not been renewed by itself, and renew it.",
  };
  return judged(
    leftDays < LEAST_LEFT_DAYS ? [soon] : [],
    `Trusted, from ${issuer}, and valid for another ${Math.floor(leftDays)} days.`,
  );
}

const kinds: Readonly<Record<string, { readonly fault: FaultName; readonly what: string; readonly remedy: string }>> = {
  CERT_HAS_EXPIRED: {
    fault: "certificate_expired",
    what: "The certificate has expired: Qonto does not call.",
    remedy: "Renew it now, and look why that did not happen by itself.",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    fault: "certificate_for_another_host",
    what: "The certificate is for another name: Qonto does not call.",
    remedy: "Get one for this name, or subscribe with the name that it is for.",
  },
};

function refused(code: string, host: string, end: string): Finding {
  const kind = kinds[code] ?? {
    fault: "certificate_untrusted",
    what: "The certificate comes from nobody whom clients trust: Qonto does not call.",
    remedy: "Use one of a public authority, and have the server send the whole chain.",
  };
  return { ...kind, seen: `The handshake with ${host} shows one until ${end}, refused for ${code}.` };
}
