import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

/** The name under which the bearer of ADMIN_TOKEN acts. */
export const ADMIN = "admin";

const tokenAccess = z
  .enum(["read", "full", "destination"])
  .describe(
    "`read`: can see everything and change nothing. `destination`: can see, test, replay and rotate its own destination, and nothing else.",
  );

export const tokenInput = z
  .strictObject({
    name: z
      .string()
      // An e-mail address is the name of a person whom Cloudflare Access lets in.
      .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits or any of . _ -")
      .refine((name) => name !== ADMIN, "is the name of ADMIN_TOKEN"),
    access: tokenAccess,
    destination_id: z.string().min(1).optional().describe("For the access `destination` alone: whose token it is."),
  })
  .superRefine(({ access, destination_id }, context) => {
    if ((access === "destination") === (destination_id !== undefined)) return;
    const message = access === "destination" ? "is missing" : "is for the access destination alone";
    context.addIssue({ code: "custom", path: ["destination_id"], message });
  });

export const token = z
  .object({
    id: z.string(),
    name: z.string(),
    access: tokenAccess,
    destination_id: z.string().nullable().describe("Whose token it is. It is deleted with its destination."),
    created_at: time,
    last_used_at: time.nullable().describe("To the hour."),
  })
  .openapi("Token");

export const createdToken = token.extend({ token: z.string() });

export const exampleTokenInput = { name: "grafana", access: "read" } satisfies z.input<typeof tokenInput>;

export const exampleToken = {
  id: "tok_019a935f7400a1b2c3d4e5f60718",
  ...exampleTokenInput,
  destination_id: null,
  created_at: "2026-11-24T10:00:00.000Z",
  last_used_at: null,
} satisfies z.input<typeof token>;
