import type { World } from "../../../platform/world.ts";
import type { Console } from "../../requests.ts";
import { addList } from "./list.tsx";
import { addOrganization } from "./organization.tsx";
import { addResource } from "./resource.tsx";
import { addResources } from "./resources.tsx";

/** The latest state: whose it is, what each has, and each thing with what happened to it. */
export function addOrganizations(pages: Console, _world: World): void {
  addList(pages);
  addOrganization(pages);
  addResources(pages);
  addResource(pages);
}
