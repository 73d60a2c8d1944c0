/** Type of the doctor's own event: verified and answered like any other, but not recorded and sent to nobody. */
export const PROBE_TYPE = "relay.probe";

/** Marks the doctor's requests, so that what it provokes on purpose is counted apart. */
export const PROBE_HEADER = "x-relay-probe";
