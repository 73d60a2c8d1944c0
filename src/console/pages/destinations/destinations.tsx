import type { Counters } from "../../../domain/counters.ts";
import type { World } from "../../../platform/world.ts";
import type { Console } from "../../requests.ts";
import { addDestinationCreation } from "./create.tsx";
import { addDestinationActions } from "./actions.tsx";
import { addDestinationEdit } from "./edit.tsx";
import { addDestinationList } from "./list.tsx";
import { addDestinationRemoval } from "./remove.tsx";
import { addDestinationReplay } from "./replay.tsx";
import { addDestinationRotation } from "./rotate.tsx";
import { addDestination } from "./destination.tsx";

/** Who gets events, whether they do, and what can be done about it. */
export function addDestinations(pages: Console, world: World, counters: Counters): void {
  addDestinationList(pages, world);
  addDestinationCreation(pages, world);
  addDestination(pages, world, counters);
  addDestinationActions(pages, world, counters);
  addDestinationEdit(pages, world, counters);
  addDestinationRotation(pages, world);
  addDestinationReplay(pages, world);
  addDestinationRemoval(pages, world);
}
