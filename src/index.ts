import { realWorld } from "./platform/world.ts";
import { createRelay } from "./relay.ts";

export default createRelay(realWorld);
