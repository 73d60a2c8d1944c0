import { z } from "zod";
import { PROBE_HEADER, PROBE_TYPE } from "../../../domain/probe.ts";
import type { Source } from "../../../domain/event.ts";
import type { Secret } from "../../../platform/hmac.ts";
import { tryParseJson } from "../../../platform/json.ts";
import { signAsQonto } from "../../../qonto/signature.ts";
import { isFromAccess } from "../../cloudflare-access.ts";
import { networkReason } from "../../network.ts";
import type { World } from "./world.ts";

/** What became of one request to the address that Qonto sends to. */
export interface Answer {
  /** Null when none came. */
  readonly status: number | null;
  /** The relay's own word for a refusal; null when the answer has none. */
  readonly code: string | null;
  /** Whether it is the relay's word for an event that it took. */
  readonly accepted: boolean;
  readonly location: string | null;
  /** Whether it is Cloudflare Access that answered, before the relay. */
  readonly isFromAccess: boolean;
  /** Why none came; null when one did. */
  readonly reason: string | null;
  readonly durationMs: number;
}

export interface Probe {
  readonly source: Source;
  /** What signs it; null: nothing does. */
  readonly secret: Secret | null;
  readonly timestampSeconds: number;
}

const answerBody = z.object({ status: z.unknown().optional(), code: z.string().optional() });

/** Sends an event of the doctor's own, as Qonto would. */
export async function sendProbe(
  url: string,
  { source, secret, timestampSeconds }: Probe,
  { fetch, elapsedMs, timeout, timeBoxes }: World,
): Promise<Answer> {
  const body = Uint8Array.from(new TextEncoder().encode(JSON.stringify(probeEvent(source, timestampSeconds))));
  const signature = secret === null ? {} : await signAsQonto(source, body, { secret, timestampSeconds });
  const startedAt = elapsedMs();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", [PROBE_HEADER]: "doctor", ...signature },
      body,
      redirect: "manual",
      signal: timeout(timeBoxes.answerMs),
    });
    const text = await response.text();
    const said = answerBody.safeParse(tryParseJson(text)).data;
    return {
      status: response.status,
      code: said?.code ?? null,
      accepted: response.ok && said?.status === "accepted",
      location: response.headers.get("location"),
      isFromAccess: said?.code === undefined && isFromAccess(response, url),
      reason: null,
      durationMs: elapsedMs() - startedAt,
    };
  } catch (error) {
    const reason = networkReason(error);
    const nothing = { status: null, code: null, accepted: false, location: null, isFromAccess: false };
    return { ...nothing, reason, durationMs: elapsedMs() - startedAt };
  }
}

function probeEvent(source: Source, timestampSeconds: number) {
  const common = { id: `probe-${crypto.randomUUID()}`, created_at: new Date(timestampSeconds * 1000).toISOString() };
  return source === "business"
    ? { ...common, type: PROBE_TYPE, data: {} }
    : { ...common, event_type: PROBE_TYPE, resource_type: "probe", resource_id: common.id };
}

/** An answer in a few words. */
export function describeAnswer({ status, code, reason }: Answer): string {
  if (status === null) return reason ?? "no answer";
  return code === null ? String(status) : `${status} ${code}`;
}
