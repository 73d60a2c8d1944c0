import { z } from "zod";

/** Requests of strangers: without a secret, or with a wrong one. */
export const floodKinds = [
  "1 MB, header with 1,500 v1",
  "1 MB, header with 8 v1",
  "1 MB, one wrong v1",
  "GET /health",
  "GET /openapi.json",
  "random bearer tokens",
  "made-up qrt_ tokens",
  "unknown paths",
  "2 MB, declared",
  "2 MB, streamed",
  "hang up after 100 KB of 1 MB",
  "a byte each half second",
] as const;

export type FloodKind = (typeof floodKinds)[number];

/** The order to a process of strangers, and its report. */
export const floodOrder = z.object({
  url: z.string(),
  flood: z.enum(floodKinds),
  /** Each sends again when it has an answer. */
  connections: z.number(),
  /** All connections are closed after these. */
  seconds: z.number(),
});

export type FloodOrder = z.output<typeof floodOrder>;

export const floodReport = z.object({
  seconds: z.number(),
  /** By status, or that there was no answer. */
  outcomes: z.array(z.object({ outcome: z.string(), count: z.number(), p50Ms: z.number(), maxMs: z.number() })),
});

export type FloodReport = z.output<typeof floodReport>;
