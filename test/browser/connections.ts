import type { LastRun, Run } from "../../src/connection/run.ts";
import { cataloguedTypes } from "../../src/qonto/catalogue.ts";

const HOUR_MS = 3_600_000;

const types = cataloguedTypes.business;

/** Rows of `connections`, each in another state. Their tokens are none. */
export function connectionRows(now: number) {
  const row = {
    environment: "production",
    status: "connected",
    relay_url: "https://relay.example.com",
    connected_at: now - 200 * HOUR_MS,
    history_until: now - 200 * HOUR_MS,
    scopes: JSON.stringify(["offline_access", "organization.read", "webhook", "card.read", "client_invoices.read"]),
    access_token: "none",
    access_expires_at: now,
    refresh_token: "none",
    refreshed_at: now,
    lease_until: 0,
    subscriptions_due_at: now + HOUR_MS,
    reconciliation_due_at: now + 0.4 * HOUR_MS,
  };
  const active = { id: crypto.randomUUID(), types, status: "active", keyId: "key" };
  const missing = { id: null, types, status: "missing", keyId: null };
  const foreign = { id: crypto.randomUUID(), types: ["v1/transactions"], status: "foreign", keyId: null };
  return {
    complete: {
      ...row,
      id: "con_complete",
      organization_id: crypto.randomUUID(),
      organization_name: "Bakery & Sons <script>alert(1)</script> \u202Enosrever",
      subscriptions: JSON.stringify([active, foreign]),
      reconciled_until: now - 0.6 * HOUR_MS,
      last_reconciliation: JSON.stringify(lastRun(now - 0.6 * HOUR_MS)),
    },
    filling: {
      ...row,
      id: "con_filling",
      organization_id: crypto.randomUUID(),
      organization_name: "Freshly Connected",
      connected_at: now - 60_000,
      reconciliation: JSON.stringify(runInProgress(now - 60_000)),
    },
    expired: {
      ...row,
      id: "con_expired",
      organization_id: crypto.randomUUID(),
      organization_name: null,
      environment: "sandbox",
      status: "expired",
      ended_at: now - 5 * HOUR_MS,
      subscriptions: JSON.stringify([missing]),
      reconciled_until: now - 5 * HOUR_MS,
      last_error: "Qonto refused the refresh token: invalid_grant",
    },
    revoked: {
      ...row,
      id: "con_revoked",
      organization_id: crypto.randomUUID(),
      organization_name: "Moved Away",
      status: "revoked",
      ended_at: now - 30 * HOUR_MS,
      reconciled_until: now - 31 * HOUR_MS,
    },
    failing: {
      ...row,
      id: "con_failing",
      organization_id: crypto.randomUUID(),
      organization_name: "Out of Reach",
      subscriptions: JSON.stringify([active]),
      reconciled_until: now - 4 * HOUR_MS,
      last_reconciliation: JSON.stringify(lastRun(now - 4 * HOUR_MS)),
      last_error: "Qonto does not answer (503)",
    },
  };
}

function lastRun(asOf: number): LastRun {
  const compared = {
    listed: 12,
    missing: 0,
    drifted: 0,
    extra: 0,
    fault: null,
    is_covered: true,
    complete_until: asOf,
  };
  return {
    kind: "changes",
    since: asOf - 2 * HOUR_MS,
    as_of: asOf,
    account_ids: ["account"],
    finished_at: asOf + 3_000,
    next_due_at: asOf + HOUR_MS,
    types: [
      { ...compared, type: "v1/organizations", listed: 1 },
      { ...compared, type: "v1/transactions", listed: 1_234, missing: 3, drifted: 1 },
      { ...compared, type: "v1/cards", listed: 0, fault: "missing required oauth scope: card.read", is_covered: false },
      { ...compared, type: "v1/clients", fault: "The list changed while it was read.", complete_until: null },
    ],
  };
}

function runInProgress(asOf: number): Run {
  const compared = { missing: 0, drifted: 0, extra: 0, fault: null, is_covered: true, complete_until: null };
  return {
    kind: "fill",
    since: 0,
    as_of: asOf,
    types: [
      { ...compared, type: "v1/organizations", listed: 1, missing: 1 },
      { ...compared, type: "v1/accounts", listed: 2, missing: 2 },
      { ...compared, type: "v1/transactions", listed: 400, missing: 400 },
      { ...compared, type: "v1/clients", listed: 0 },
    ],
    answers: { due_at: asOf, since: null },
    is_routine: true,
    account_ids: ["account"],
    types_left: ["v1/transactions", "v1/clients"],
    reading: null,
    search: null,
    recovered: { missing: 0, drifted: 0 },
  };
}
