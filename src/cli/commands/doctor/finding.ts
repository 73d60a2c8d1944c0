/** Names of all faults that the doctor can find; programs rely on them. In the order of the checks that find them. */
export const faultNames = [
  "url_path_wrong",
  "url_not_https",
  "host_unknown",
  "host_lookup_failed",
  "address_private",

  "tls_fails",
  "certificate_expired",
  "certificate_for_another_host",
  "certificate_untrusted",
  "certificate_expires_soon",

  "relay_unreachable",
  "answer_too_slow",
  "behind_access",
  "redirected",
  "path_not_found",
  "post_refused",
  "login_before_relay",
  "not_a_relay",
  "relay_not_configured",
  "migrations_missing",
  "not_stored",
  "relay_error",

  "qonto_token_refused",
  "qonto_scope_missing",
  "qonto_rate_limited",
  "qonto_unreachable",
  "qonto_answer_odd",
  "subscription_missing",
  "subscription_path_wrong",
  "subscription_stale",
  "subscription_duplicate",
  "type_not_subscribed",
  "onboarding_secret_missing",

  "signature_code_wrong",
  "secret_unknown",
  "secret_with_white_space",
  "secret_in_quotes",
  "secret_prefix_stripped",
  "secret_prefix_missing",
  "secret_base64_decoded",
  "secret_hex_decoded",
  "api_key_as_secret",
  "signature_dropped",
  "signature_changed",
  "forged_accepted",
  "unsigned_accepted",
  "stale_accepted",

  "relay_clock_off",
  "own_clock_off",
  "clocks_disagree",

  "service_token_refused",
  "admin_token_refused",
  "relay_api_fails",
  "private_destinations_allowed",
  "database_unwell",
  "destination_secrets_undecryptable",
  "database_filling",
  "queue_stuck",
  "dead_letter_consumer_stuck",
  "queue_backlog_old",
  "cron_stopped",
  "fan_out_stuck",
  "deliveries_overdue",
  "dead_letters_waiting",
  "quarantine_waiting",
  "ledger_unbalanced",

  "signatures_mismatched",
  "signatures_too_old",
  "signatures_in_future",
  "signatures_malformed",
  "signatures_missing",
  "all_traffic_silent",
  "traffic_silent",

  "destination_circuit_open",
  "destination_failing",
  "destination_paused",
  "deliveries_dead",

  "queue_outside_jurisdiction",
  "deployment_incomplete",
] as const;

export type FaultName = (typeof faultNames)[number];

export function isFaultName(text: string): text is FaultName {
  return faultNames.some((name) => name === text);
}

/** Something that is wrong: what, how it was seen, and what to do about it. */
export interface Finding {
  readonly fault: FaultName;
  readonly what: string;
  readonly seen: string;
  readonly remedy: string;
  /** To be copied; what they need beside is said in the remedy. */
  readonly commands?: readonly string[];
}

/** What a check came to. `notes`: what is no fault and worth knowing. */
export type Result =
  | { readonly outcome: "passed"; readonly says: string; readonly notes: readonly string[] }
  | { readonly outcome: "failed"; readonly findings: readonly Finding[]; readonly notes: readonly string[] }
  /** `enable`: how to have it checked; null where that is up to another check. */
  | { readonly outcome: "skipped"; readonly why: string; readonly enable: string | null };

/** Passed, if nothing was found. */
export function judged(findings: readonly Finding[], says: string, notes: readonly string[] = []): Result {
  return findings.length === 0 ? { outcome: "passed", says, notes } : { outcome: "failed", findings, notes };
}

export function failed(...findings: readonly Finding[]): Result {
  return { outcome: "failed", findings, notes: [] };
}

export function skipped(why: string, enable: string | null = null): Result {
  return { outcome: "skipped", why, enable };
}
