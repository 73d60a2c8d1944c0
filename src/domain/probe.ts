/** Type of the doctor's own event: verified and answered like any other, without recipients, kept nowhere. */
export const PROBE_TYPE = "relay.probe";

/** Header of the doctor's requests, so that the refusals that it provokes are counted apart. */
export const PROBE_HEADER = "x-relay-probe";
