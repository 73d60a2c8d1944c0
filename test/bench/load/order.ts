import { z } from "zod";

/** The order to a load generator, and its report. */
export const loadOrder = z.object({
  url: z.string(),
  secret: z.string(),
  connections: z.number(),
  requests: z.number(),
  bodyBytes: z.number(),
  /** Requests a second, sent on schedule; null: each connection sends as soon as it has an answer. */
  rate: z.number().nullable(),
});

export type LoadOrder = z.output<typeof loadOrder>;

export const loadReport = z.object({
  seconds: z.number(),
  /** In the order of the requests. */
  answers: z.array(
    z.object({
      id: z.string(),
      /** 0: no answer. */
      status: z.number(),
      /** When it was due, Unix milliseconds with fractions. */
      sentAt: z.number(),
      durationMs: z.number(),
    }),
  ),
});

export type LoadReport = z.output<typeof loadReport>;
