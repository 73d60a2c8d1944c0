import { connectionFaults } from "./deliberate-faults/connection.ts";
import { cronFaults } from "./deliberate-faults/cron.ts";
import type { DeliberateFault } from "./deliberate-faults/deliberate-fault.ts";
import { fanOutFaults } from "./deliberate-faults/fan-out.ts";
import { operatorFaults } from "./deliberate-faults/operator.ts";
import { outboundFaults } from "./deliberate-faults/outbound.ts";
import { receiveFaults } from "./deliberate-faults/receive.ts";
import { retryFaults } from "./deliberate-faults/drain.ts";

/** What the simulation must find, each by itself: it shows that its checks can fail. */
export const deliberateFaults: readonly DeliberateFault[] = [
  ...receiveFaults,
  ...fanOutFaults,
  ...outboundFaults,
  ...retryFaults,
  ...cronFaults,
  ...operatorFaults,
  ...connectionFaults,
];
