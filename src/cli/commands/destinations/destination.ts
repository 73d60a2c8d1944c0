import { z } from "zod";
import type { Cell, Output } from "../../output.ts";

export const PATH = "/api/destinations";

export const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

export const destination = z.looseObject({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  types: z.array(z.string()),
  organizations: z.array(z.string()).nullable(),
  enabled: z.boolean(),
  retry_schedule_seconds: z.array(z.number()).nullable(),
  timeout_ms: z.number(),
  max_per_second: z.number().nullable(),
  health: z.looseObject({
    state: z.string(),
    consecutive_failures: z.number(),
    last_success_at: z.string().nullable(),
    last_failure_at: z.string().nullable(),
    circuit_opened_at: z.string().nullish(),
    next_probe_at: z.string().nullish(),
    held_until: z.string().nullish(),
  }),
});

export type Destination = z.output<typeof destination>;

export function asTable(destinations: readonly Destination[], output: Output): string {
  if (destinations.length === 0) return "There is none. `destinations create` adds one.";
  return output.table(
    ["id", "state", "url", "types", "description"],
    destinations.map((one) => [one.id, stateCell(one), one.url, typesOf(one), one.description ?? ""]),
  );
}

export function asFields(one: Destination, output: Output): string {
  const { health } = one;
  return output.fields([
    ["id", one.id],
    ["url", one.url],
    ["description", one.description ?? "–"],
    ["types", typesOf(one)],
    ["organizations", one.organizations?.join(", ") ?? "all"],
    ["state", stateCell(one)],
    ["failures", `${health.consecutive_failures} in a row`],
    ["last success", health.last_success_at ?? "–"],
    ["last failure", health.last_failure_at ?? "–"],
    ...(health.circuit_opened_at
      ? [["resting since", `${health.circuit_opened_at}, probed at ${health.next_probe_at ?? "once"}`] as const]
      : []),
    ...(health.held_until ? [["held until", `${health.held_until}: it asked for less`] as const] : []),
    [
      "retries after",
      one.retry_schedule_seconds === null ? "the default retry schedule" : `${one.retry_schedule_seconds.join(", ")} s`,
    ],
    ["timeout", `${one.timeout_ms} ms`],
    ["at most", one.max_per_second === null ? "as many as come" : `${one.max_per_second} a second`],
  ]);
}

function typesOf({ types }: Destination): string {
  return types.length === 0 ? "all" : types.join(", ");
}

function stateCell({ health: { state, circuit_opened_at, held_until } }: Destination): Cell {
  const style = state === "healthy" ? "green" : state === "failing" ? "red" : "yellow";
  return { text: circuit_opened_at ? `${state}, resting` : held_until ? `${state}, held` : state, style };
}
