import { z } from "zod";
import { createDestination, newDestinationId } from "../../../api/actions/destinations.ts";
import type { World } from "../../../platform/world.ts";
import { findDestination } from "../../../store/destinations.ts";
import { addresses, newDestinationAddress, destinationAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, type ConsoleContext, readForm, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { SecretPage } from "./secret-page.tsx";
import { type DestinationFaults, checkNewDestination, faultsOf } from "./destination-faults.ts";
import { DestinationForm } from "./destination-form.tsx";
import { type TypedDestination, typedDestination, untypedDestination } from "./typed-destination.ts";

/**
 * The form already says which id its destination will have: one that is sent twice, because a page was loaded again or a button was
 * pressed twice, makes one destination.
 */
const fields = typedDestination.extend({ id: z.string().regex(/^dst_[0-9a-f]{28}$/) });

export function addDestinationCreation(pages: Console, world: World): void {
  pages.get("/destinations/new", (c) => {
    readQuery(c, z.strictObject({}));
    return showNewDestination(c, { id: newDestinationId(world), typed: untypedDestination, faults: {} });
  });

  pages.post("/destinations/new", async (c) => {
    const { id, ...typed } = await readForm(c, fields);
    const { wishes, faults } = checkNewDestination(typed);
    if (wishes === null) return showNewDestination(c, { id, typed, faults });
    if ((await findDestination(c.env.DB, id)) !== null) return leadToDestinationOfBefore(c, id);
    try {
      const { destination, secret } = await createDestination(c, world, wishes, id);
      // Of two forms at once the later one has made nothing: its secret is nobody's.
      const kept = await findDestination(c.env.DB, id);
      if (kept?.encryptedSecret !== destination.encryptedSecret) return leadToDestinationOfBefore(c, id);
      return await showPage(
        c,
        <SecretPage viewer={viewerOf(c)} destination={destination} secret={secret} why="created" />,
      );
    } catch (error) {
      const refused = faultsOf(error);
      if (refused === null) throw error;
      return showNewDestination(c, { id, typed, faults: refused });
    }
  });
}

interface NewDestination {
  readonly id: string;
  readonly typed: TypedDestination;
  readonly faults: DestinationFaults;
}

function showNewDestination(c: ConsoleContext, { id, typed, faults }: NewDestination) {
  const viewer = viewerOf(c);
  return showPage(
    c,
    <Page
      title="Add a destination"
      viewer={viewer}
      here={addresses.destinations}
      lead="Who is to get events, and which?"
    >
      <DestinationForm
        viewer={viewer}
        action={newDestinationAddress}
        typed={typed}
        faults={faults}
        hidden={{ id }}
        isNew
      />
    </Page>,
    Object.keys(faults).length === 0 ? 200 : 400,
  );
}

function leadToDestinationOfBefore(c: ConsoleContext, id: string) {
  return c.redirect(linkTo(destinationAddress(id), { done: "created-before" }), 303);
}
