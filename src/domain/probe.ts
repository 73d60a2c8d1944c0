/** Type of the doctor's own event: verified and answered like any other, owed to nobody, kept nowhere. */
export const PROBE_TYPE = "relay.probe";

/** CronState the doctor's requests, so that what it provokes on purpose is counted apart from what comes by itself. */
export const PROBE_HEADER = "x-relay-probe";
