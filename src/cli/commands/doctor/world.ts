import { lookup } from "node:dns/promises";
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import tls from "node:tls";

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

/** What the doctor has of the world outside: tests put another in its place. */
export interface World {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds, from any beginning, to measure with. */
  readonly elapsedMs: () => number;
  readonly fetch: typeof fetch;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  /** The addresses of a host. */
  readonly lookup: (host: string) => Promise<string[]>;
  readonly certificateOf: (host: string, port: number) => Promise<Certificate>;
  readonly timeBoxes: TimeBoxes;
}

export const realTimeBoxes: TimeBoxes = { answerMs: 5_000, queuesMs: 30_000 };

export const realWorld: World = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  fetch: globalThis.fetch,
  wait: (milliseconds) => wait(milliseconds),
  lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  certificateOf,
  timeBoxes: realTimeBoxes,
};

/** Shakes hands and looks; whatever is wrong with the certificate is told, not thrown. */
function certificateOf(host: string, port: number): Promise<Certificate> {
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
