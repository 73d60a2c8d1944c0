import type { Tally } from "../../../domain/tally.ts";
import type { World } from "../../../platform/world.ts";
import type { Console } from "../../requests.ts";
import { addTeamCreation } from "./create.tsx";
import { addTeamDeeds } from "./deeds.tsx";
import { addTeamEdit } from "./edit.tsx";
import { addTeamList } from "./list.tsx";
import { addTeamRemoval } from "./remove.tsx";
import { addTeamReplay } from "./replay.tsx";
import { addTeamRotation } from "./rotate.tsx";
import { addTeam } from "./team.tsx";

/** Who gets events, whether they do, and what can be done about it. */
export function addTeams(pages: Console, world: World, tally: Tally): void {
  addTeamList(pages, world);
  addTeamCreation(pages, world);
  addTeam(pages, world, tally);
  addTeamDeeds(pages, world, tally);
  addTeamEdit(pages, world, tally);
  addTeamRotation(pages, world);
  addTeamReplay(pages, world);
  addTeamRemoval(pages, world);
}
