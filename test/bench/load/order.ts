import { z } from "zod";

/** What a load generator is asked for, and what it answers. */
export const loadOrder = z.object({
  url: z.string(),
  secret: z.string(),
  connections: z.number(),
  requests: z.number(),
  bodyBytes: z.number(),
  /** Requests a second, sent when their time has come; null: each connection sends when it has been answered. */
  rate: z.number().nullable(),
});

export type LoadOrder = z.output<typeof loadOrder>;

export const loadReport = z.object({
  seconds: z.number(),
  /** In the order of the requests. */
  answers: z.array(
    z.object({
      id: z.string(),
      /** 0: none came. */
      status: z.number(),
      /** Unix milliseconds, with fractions, of when it was to be sent. */
      sentAt: z.number(),
      durationMs: z.number(),
    }),
  ),
});

export type LoadReport = z.output<typeof loadReport>;
