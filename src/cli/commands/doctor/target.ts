import { isOnThisMachine } from "../../settings.ts";
import { plainPath } from "../../../platform/plain-path.ts";
import { WEBHOOK_PATH } from "../../webhook-path.ts";

/** The relay that is examined, as its address tells. */
export interface Target {
  readonly origin: string;
  /** Where Qonto is to send to. */
  readonly webhookUrl: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly isHttps: boolean;
  /** On this machine, where Qonto cannot reach it: to try things out. */
  readonly isLocal: boolean;
  /** A path that was given and is not where the relay takes webhooks. */
  readonly strangePath: string | null;
}

/** Reads the relay's address: its beginning alone, or that of its webhook. */
export function readTarget(text: string): Target {
  const url = new URL(text);
  const isHttps = url.protocol === "https:";
  return {
    origin: url.origin,
    webhookUrl: url.origin + WEBHOOK_PATH,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || (isHttps ? 443 : 80),
    isHttps,
    isLocal: isOnThisMachine(url.href),
    strangePath: ["/", WEBHOOK_PATH].includes(plainPath(url.pathname)) ? null : url.pathname,
  };
}
