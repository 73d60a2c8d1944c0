import { createNaiveDesign } from "../../bench/worker/references/naive-design.ts";
import { TestRelay } from "../support/relay.ts";

/** The naive design in the relay's place, between the same queues and destinations. */
export class NaiveRelay extends TestRelay {
  override readonly relay = {
    ...createNaiveDesign(this.destinations.fetch),
    scheduled: () => Promise.resolve(),
  } as unknown as TestRelay["relay"];
}
