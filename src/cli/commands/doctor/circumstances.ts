import { lookup } from "node:dns/promises";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { plainPath } from "../../../platform/plain-path.ts";
import type { QontoClient } from "../../../qonto/api-client.ts";
import type { AccessHeaders } from "../../cloudflare-access.ts";
import type { RelayClient } from "../../relay-client.ts";
import { isOnThisMachine } from "../../settings.ts";
import { WEBHOOK_PATH } from "../../webhook.ts";
import type { KnownSecrets } from "../../webhook-secret.ts";
import type { Configuration } from "../../deploy/configuration.ts";
import type { Survey } from "../../deploy/survey.ts";
import type { World as WorldOfRun } from "../../world.ts";
import type { Skipped } from "./finding.ts";

/** The address of the relay that is examined. */
export interface Address {
  readonly origin: string;
  /** Where Qonto is to send to. */
  readonly webhookUrl: string;
  readonly host: string;
  readonly port: number;
  readonly isHttps: boolean;
  /** On this machine, where Qonto cannot reach it: for development. */
  readonly isLocal: boolean;
  /** A path that was given and is not where the relay takes webhooks. */
  readonly strangePath: string | null;
}

/** Reads the relay's address: its origin, or that of its webhook. */
export function readAddress(text: string): Address {
  const url = new URL(text);
  const isHttps = url.protocol === "https:";
  return {
    origin: url.origin,
    webhookUrl: url.origin + WEBHOOK_PATH,
    host: hostOf(url),
    port: Number(url.port) || (isHttps ? 443 : 80),
    isHttps,
    isLocal: isOnThisMachine(url.href),
    strangePath: ["/", WEBHOOK_PATH].includes(plainPath(url.pathname)) ? null : url.pathname,
  };
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Something that the doctor can use, or the result of the checks that need it. */
export type Access<Thing> = { readonly thing: Thing } | Skipped;

/** What is deployed in an account at Cloudflare, and what should be. */
export interface Deployed {
  readonly configuration: Configuration;
  readonly found: Survey;
}

/** What the doctor has to examine a relay with. */
export interface Circumstances {
  readonly address: Address;
  readonly world: World;
  readonly secrets: { readonly business: KnownSecrets | null; readonly onboarding: KnownSecrets | null };
  readonly relay: Access<RelayClient>;
  /** For /health. */
  readonly accessHeaders: AccessHeaders;
  readonly qonto: Access<QontoClient>;
  readonly cloudflare: Access<() => Promise<Deployed>>;
  /** The id under which the Onboarding API is used; null when it is not. */
  readonly partnerId: string | null;
  readonly isSandbox: boolean;
  /** How long to wait for the queues' consumers. */
  readonly queuesMs: number;
  readonly progress: (text: string) => void;
}

/** A server's certificate as this machine sees it. */
export interface Certificate {
  /** Unix milliseconds. */
  readonly validUntil: number;
  /** Why it is not trusted, by OpenSSL's code; null when it is. */
  readonly refusedFor: string | null;
  readonly issuer: string;
}

/** Time and network of a run, and what only the doctor uses of them. Tests replace it. */
export interface World extends WorldOfRun {
  /** The addresses of a host. */
  readonly lookup: (host: string) => Promise<string[]>;
  readonly certificateOf: (host: string, port: number) => Promise<Certificate>;
}

/** How long the relay may take to answer a request, or to make a TLS handshake. */
export const ANSWERS_WITHIN_MS = 5_000;

/** The addresses of a host as this machine resolves it. */
export async function addressesOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** Makes a TLS handshake. What is wrong with the certificate is in the result; without a handshake it throws. */
export async function certificateOf(host: string, port: number): Promise<Certificate> {
  // An address is not a server name.
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = tls.connect({ host, port, ...servername, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
    const { valid_to, issuer } = socket.getPeerCertificate();
    // A code, or an error with one.
    const refused: unknown = socket.authorizationError;
    return {
      validUntil: Date.parse(valid_to),
      refusedFor: socket.authorized ? null : (codeOf(refused) ?? String(refused)),
      issuer: [issuer.O ?? issuer.CN].flat().join(", ") || "an issuer without a name",
    };
  } finally {
    socket.destroy();
  }
}

/** The code that Node gives an error. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error ? String(error.code) : null;
}
