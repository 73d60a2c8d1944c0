import { z } from "@hono/zod-openapi";
import { MAX_TEMPLATE_CHARACTERS, formats } from "../../domain/format.ts";
import { headerFaults } from "../../domain/own-headers.ts";
import { time } from "./common.ts";
import { attempt } from "./delivery.ts";
import { filterInput, shownFilter } from "./filter.ts";

const options = z.strictObject({
  url: z.string().max(2_048).openapi({
    description: "Stored as the URL standard writes it, without surrounding blanks. A fragment is refused.",
    example: "https://accounting.example.com/qonto",
  }),
  description: z.string().max(1_000).nullable(),
  types: z
    .array(
      z
        .string()
        .max(255)
        .regex(/^[\x21-\x29\x2b-\x7e]*\*?$/, "must be a type, with `*` at its end or not at all")
        .min(1),
    )
    .max(100)
    .openapi({
      description:
        "Exact, or with a trailing `*`. Empty: all that Qonto sends. The relay's own operational events come only by their names, such as `relay.connection.lost`, or by `relay.*`.",
      example: ["v1/transactions", "registrations.*"],
    }),
  organizations: z.array(z.string().min(1).max(255)).min(1).max(1_000).nullable().describe("Ids. Null: all."),
  filter: filterInput.nullable(),
  enabled: z.boolean(),
  retry_schedule_seconds: z
    .array(z.int().min(0).max(86_400))
    .max(50)
    .nullable()
    .openapi({
      description: "Seconds to wait before each retry. Null: the default retry schedule.",
      example: [1, 1, 5],
    }),
  timeout_ms: z.int().min(100).max(30_000),
  max_per_second: z.number().min(0.01).max(1_000).nullable(),
  format: z
    .enum(formats)
    .describe(
      "`qonto`: byte for byte as received. `cloudevents`: CloudEvents 1.0, structured JSON. `slack`, `teams`: one readable message; without a `max_per_second` the destination gets the rate that these take. `template`: what `template` makes of the event.",
    ),
  template: z
    .string()
    .min(1)
    .max(MAX_TEMPLATE_CHARACTERS)
    .nullable()
    .describe(
      "Mustache over the event, for the format `template` alone. `{{path}}` is a text for the inside of a JSON string, `{{{path}}}` a value as JSON. What comes out must be JSON.",
    ),
});

/** Write-only: what is shown of them is their names. */
const headers = z
  .record(z.string(), z.string())
  .superRefine((given, c) => {
    for (const { name, message } of headerFaults(given)) {
      c.addIssue({ code: "custom", path: name === null ? [] : [name], message });
    }
  })
  .nullable()
  .openapi({
    description:
      "Its own request headers, at most 20; a change replaces them all. Kept encrypted and never shown. None that the relay or the network sets. Null: none.",
    example: { authorization: "Bearer …" },
  });

const settable = options.extend({ headers });

export const destinationInput = settable.partial().required({ url: true });

export const destinationChange = settable.partial();

const shownOptions = options.extend({
  header_names: z.array(z.string()).describe("Names of its own headers, in lower case."),
});

/** The fields of a destination that a request can set, as they are shown. */
export const destinationOptionNames: readonly string[] = Object.keys(shownOptions.shape);

export const destinationHealth = z.object({
  state: z.enum(["healthy", "failing", "paused"]),
  consecutive_failures: z.number(),
  last_success_at: time.nullable(),
  last_failure_at: time.nullable(),
  circuit_opened_at: time
    .nullable()
    .describe(
      "When its circuit breaker opened because it kept failing. While the circuit is open its deliveries stay pending, except for one probe from time to time. Null: closed.",
    ),
  next_probe_at: time.nullable().describe("When the next due delivery is attempted as the probe."),
  held_until: time
    .nullable()
    .describe("Nothing is attempted before: it answered 429, or 503 with `Retry-After`. Null: it is not held."),
});

export const destination = z
  .object({
    ...shownOptions.shape,
    filter: shownFilter.nullable(),
    id: z.string(),
    created_at: time,
    updated_at: time,
    health: destinationHealth,
  })
  .openapi("Destination");

export const createdDestination = destination.extend({ secret: z.string() });

const DEFAULT_OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 30 * 86_400;

export const secretRotationInput = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(MAX_OVERLAP_SECONDS)
    .default(DEFAULT_OVERLAP_SECONDS)
    .describe(
      "How long the present secret signs as well. `X-Qonto-Signature` has room for one signature: it stays that of the oldest secret until its overlap ends. 0: the present secret and the older ones stop signing at once.",
    ),
});

export const rotatedSecret = z.object({ secret: z.string() });

export const testResult = attempt.omit({ attempt: true, at: true }).openapi("TestResult");

/** The key is 32 zero bytes: nobody takes it for a real one. */
export const exampleSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

export const exampleDestinationInput = {
  url: "https://accounting.example.com/qonto",
  description: "Accounting",
  types: ["v1/transactions", "registrations.*"],
} satisfies z.input<typeof destinationInput>;

export const exampleDestination = {
  id: "dst_019a935f7400a1b2c3d4e5f60718",
  ...exampleDestinationInput,
  organizations: null,
  filter: null,
  enabled: true,
  retry_schedule_seconds: null,
  timeout_ms: 10_000,
  max_per_second: null,
  format: "qonto",
  template: null,
  header_names: ["authorization"],
  created_at: "2026-11-24T10:00:00.000Z",
  updated_at: "2026-11-24T10:00:00.000Z",
  health: {
    state: "healthy",
    consecutive_failures: 0,
    last_success_at: "2026-11-24T10:05:00.000Z",
    last_failure_at: null,
    circuit_opened_at: null,
    next_probe_at: null,
    held_until: null,
  },
} satisfies z.input<typeof destination>;

export const exampleTestResult = {
  outcome: "rejected",
  status: 401,
  duration_ms: 87,
  response_excerpt: "no such signature",
} satisfies z.input<typeof testResult>;
