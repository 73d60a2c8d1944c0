import { env } from "cloudflare:workers";

export const ORGANIZATION = "8f4c2b1a-5d3e-4f6a-9b7c-1e2d3c4b5a69";

/** Columns of a connection by their names; JSON as what it holds. */
type Columns = Readonly<Record<string, string | number | null | readonly unknown[]>>;

/** Writes a connection as it is after it has been filled, at an instant. */
export async function insertConnection(now: number, changes: Columns = {}): Promise<void> {
  const row: Columns = {
    id: "con_1",
    organization_id: ORGANIZATION,
    organization_name: "Elektro Tesla GmbH",
    environment: "production",
    status: "connected",
    relay_url: "https://relay.test",
    connected_at: now,
    history_until: now,
    scopes: ["offline_access", "organization.read", "webhook"],
    access_token: "encrypted-access-token",
    access_expires_at: now + 3_600_000,
    refresh_token: "encrypted-refresh-token",
    refreshed_at: now,
    lease_until: now,
    subscriptions: [{ id: "sub_1", types: ["v1/transactions"], status: "active", keyId: "key_1" }],
    subscriptions_due_at: now + 900_000,
    reconciled_until: now,
    reconciliation_due_at: now + 3_600_000,
    ...changes,
  };
  const names = Object.keys(row);
  const values = Object.values(row).map((value) =>
    typeof value === "object" && value !== null ? JSON.stringify(value) : value,
  );
  const sql = `INSERT INTO connections (${names.join(", ")}) VALUES (${names.map((_, index) => `?${index + 1}`).join(", ")})`;
  await env.DB.prepare(sql)
    .bind(...values)
    .run();
}

export async function findRow(id = "con_1"): Promise<Record<string, unknown> | null> {
  return env.DB.prepare("SELECT * FROM connections WHERE id = ?1").bind(id).first();
}
