import type { World } from "../../../platform/world.ts";
import type { Console } from "../../requests.ts";
import { addList } from "./list.tsx";
import { addRegistration } from "./registration.tsx";

/** Who is on the way to an account, and how far. */
export function addRegistrations(pages: Console, _world: World): void {
  addList(pages);
  addRegistration(pages);
}
