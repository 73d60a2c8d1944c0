import type { z } from "zod";
import type { Counters } from "../../../domain/counters.ts";
import { changeDestination, existingDestination } from "../../../api/actions/destinations.ts";
import { type change, showDestination } from "../../../api/destination-schema.ts";
import type { World } from "../../../platform/world.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { Page } from "../../ui/layout.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { type Console, type ConsoleContext, readForm, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { type DestinationFaults, checkChange, faultsOf } from "./destination-faults.ts";
import { DestinationForm } from "./destination-form.tsx";
import { type TypedDestination, typeDestination, typedDestination } from "./typed-destination.ts";

export function addDestinationEdit(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/:id/edit", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    return showEdit(c, destination, typeDestination(destination), {});
  });

  pages.post("/destinations/:id/edit", async (c) => {
    const typed = await readForm(c, typedDestination);
    const destination = await existingDestination(c, c.req.param("id"));
    const { wishes, faults } = checkChange(typed);
    if (wishes === null) return showEdit(c, destination, typed, faults);
    const changed = whatDiffers(wishes, destination);
    try {
      if (Object.keys(changed).length > 0) await changeDestination(c, { world, counters }, destination.id, changed);
    } catch (error) {
      const refused = faultsOf(error);
      if (refused === null) throw error;
      return showEdit(c, destination, typed, refused);
    }
    const done = Object.keys(changed).length === 0 ? "unchanged" : "changed";
    return c.redirect(linkTo(destinationAddress(destination.id), { done }), 303);
  });
}

function showEdit(
  c: ConsoleContext,
  destination: DestinationReport,
  typed: TypedDestination,
  faults: DestinationFaults,
) {
  const viewer = viewerOf(c);
  return showPage(
    c,
    <Page title={`Edit ${destinationName(destination)}`} viewer={viewer} here={addresses.destinations}>
      <DestinationForm
        viewer={viewer}
        action={destinationActionAddress(destination.id, "edit")}
        typed={typed}
        faults={faults}
        isNew={false}
      />
      <p>
        <a href={destinationAddress(destination.id)}>Back to the destination</a>
      </p>
    </Page>,
    Object.keys(faults).length === 0 ? 200 : 400,
  );
}

/** A form says everything, the audit trail only what was changed. */
function whatDiffers(wishes: z.output<typeof change>, destination: DestinationReport): z.output<typeof change> {
  const present = new Map<string, unknown>(Object.entries(showDestination(destination, destination.updatedAt)));
  return Object.fromEntries(
    Object.entries(wishes).filter(([name, value]) => comparable(value) !== comparable(present.get(name))),
  );
}

/** The order in which types are named means nothing; that of waits does. */
function comparable(value: unknown): string {
  const isNames = Array.isArray(value) && value.every((one) => typeof one === "string");
  return JSON.stringify(isNames ? value.toSorted() : value);
}
