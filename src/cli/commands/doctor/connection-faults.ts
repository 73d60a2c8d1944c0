import type { FaultText } from "./fault-text.ts";

/** Faults of the relay's own connections to Qonto: a part of `faults`. */
export const connectionFaults = {
  connection_lost: {
    means: "{organization} is no longer connected to Qonto: what its webhooks miss is not found.",
    remedy: "Connect it again. Its events go on arriving as long as its subscriptions at Qonto exist.",
    commands: ["npm run qonto -- connect --url {origin}"],
  },
  connection_unsubscribed: {
    means: "The relay needs a subscription for {organization} that Qonto does not have.",
    remedy:
      "The relay makes it by itself every quarter of an hour: look at what Qonto refuses (a scope that the application lacks, an address that is not public) in what was seen, or in the relay's log.",
    commands: ["npm run qonto -- connections list", "npm run qonto -- connections reconcile {id}"],
  },
  connection_behind: {
    means: "Whether the state of {organization} equals the bank's is not known any more.",
    remedy:
      "The relay compares it every hour: look at `health` for a cron that does not run, and at what stopped it in what was seen; then have it compared now.",
    commands: ["npm run qonto -- connections reconcile {id}"],
  },
  connection_fails: {
    means: "The relay's last work on the connection of {organization} failed.",
    remedy:
      "Do what was seen. The relay tries again by itself, after a quarter of an hour at most, or after up to an hour if Qonto asks for that; a request to reconcile has it try within a minute. If it stays, look at Qonto's status page.",
    commands: ["npm run qonto -- connections list", "npm run qonto -- connections reconcile {id}"],
  },
} as const satisfies Readonly<Record<string, FaultText>>;
