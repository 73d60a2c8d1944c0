/** Type of the doctor's own event: verified and answered like any other, without recipients, kept nowhere. */
export const CANARY_TYPE = "relay.canary";

/** Header of the doctor's requests, so that the refusals that it provokes are counted apart. */
export const CANARY_HEADER = "x-relay-canary";
