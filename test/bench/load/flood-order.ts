import { z } from "zod";

/** What strangers do: what needs no secret, or a wrong one. */
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

/** What a process of strangers is asked for, and what it answers. */
export const floodOrder = z.object({
  url: z.string(),
  flood: z.enum(floodKinds),
  /** Each starts over when it has been answered. */
  connections: z.number(),
  /** After these all is broken off. */
  seconds: z.number(),
});

export type FloodOrder = z.output<typeof floodOrder>;

export const floodReport = z.object({
  seconds: z.number(),
  /** By status; or that there was none. */
  outcomes: z.array(z.object({ outcome: z.string(), count: z.number(), p50Ms: z.number(), maxMs: z.number() })),
});

export type FloodReport = z.output<typeof floodReport>;
