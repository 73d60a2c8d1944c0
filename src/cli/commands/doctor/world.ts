import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import type { World as WorldOfRun } from "../../world.ts";

/** What a server's certificate is worth to this machine. */
export interface Certificate {
  /** Unix milliseconds. */
  readonly validUntil: number;
  /** Why it is not trusted, as OpenSSL names it; null when it is. */
  readonly refusedFor: string | null;
  readonly issuer: string;
}

/** How long each step may take. */
export interface TimeBoxes {
  readonly answerMs: number;
  readonly queuesMs: number;
}

/** What the doctor has of the world outside besides: tests put another in its place. */
export interface World extends WorldOfRun {
  /** The addresses of a host. */
  readonly lookup: (host: string) => Promise<string[]>;
  readonly certificateOf: (host: string, port: number) => Promise<Certificate>;
  readonly timeBoxes: TimeBoxes;
}

export const realTimeBoxes: TimeBoxes = { answerMs: 5_000, queuesMs: 30_000 };

/** The addresses that this machine knows of a host. */
export async function addressesOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** Shakes hands and looks; whatever is wrong with the certificate is told, not thrown. */
export function certificateOf(host: string, port: number): Promise<Certificate> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port,
      // An address is no name that a server could be asked for.
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: false,
      timeout: realTimeBoxes.answerMs,
    });
    const end = (settle: () => void) => {
      socket.destroy();
      settle();
    };
    socket.once("timeout", () => end(() => reject(new DOMException("No handshake in time", "TimeoutError"))));
    socket.once("error", (error) => end(() => reject(error)));
    socket.once("secureConnect", () => {
      const { valid_to, issuer } = socket.getPeerCertificate();
      const refused: unknown = socket.authorizationError;
      const refusedFor = socket.authorized ? null : codeOf(refused);
      const name = [issuer.O ?? issuer.CN].flat().join(", ");
      end(() => resolve({ validUntil: Date.parse(valid_to), refusedFor, issuer: name || "an issuer without a name" }));
    });
  });
}

/** Node gives the code alone, or an error that bears it. */
function codeOf(refused: unknown): string {
  return refused instanceof Error && "code" in refused ? String(refused.code) : String(refused);
}
