import type { World } from "../../../platform/world.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState } from "../../components/notice.tsx";
import { Page } from "../../components/page.tsx";
import { type Console, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";

export function addTail(pages: Console, _world: World): void {
  pages.get("/tail", (c) =>
    showPage(
      c,
      <Page title="Live tail" viewer={viewerOf(c)} here={addresses.tail}>
        <EmptyState title="Nothing is here yet."></EmptyState>
      </Page>,
    ),
  );
}
