/** What is checked of the relay's health. */
export const checkNames = [
  "configuration",
  "database",
  "schema",
  "cron",
  "fan_out",
  "deliveries",
  "open_circuits",
  "dead_letters",
  "connections",
  "secrets",
  "storage",
] as const;

export type CheckName = (typeof checkNames)[number];

export interface Check {
  readonly status: "ok" | "degraded";
  /** A sentence. */
  readonly detail: string;
  /** The measured value; null: there is none. */
  readonly value: number | null;
  /** The largest value that is healthy. */
  readonly limit: number | null;
}

/** Degraded when one of its checks is. */
export interface Health {
  readonly status: Check["status"];
  readonly checks: Readonly<Record<CheckName, Check>>;
}
