import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { World } from "../../../platform/world.ts";
import { listQuarantine } from "../../../store/quarantine.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState, Filters, Pager } from "../../ui/table.tsx";
import { Field } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { addQuarantineActions } from "./actions.ts";
import { Done, doneQuery } from "./done.tsx";
import { addQuarantined } from "./quarantined.tsx";
import { Advice, QuarantineList, ReleaseAll } from "./list.tsx";
import { MOST_AT_ONCE } from "./release-all.ts";

const query = doneQuery.extend({
  state: z.enum(["waiting", "settled"]).default("waiting"),
  cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
});

/** What came from Qonto and waits for somebody to decide. */
export function addQuarantine(pages: Console, world: World): void {
  pages.get("/quarantine", async (c) => {
    const { state, cursor, ...said } = readQuery(c, query);
    const rows = await listQuarantine(c.env.DB, cursor, MOST_AT_ONCE + 1, state);
    const shown = rows.slice(0, MOST_AT_ONCE);
    const isMore = rows.length > shown.length;
    const last = shown.at(-1);
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page title="Quarantine" viewer={viewer} here={addresses.quarantine} lead={leadOf(state, shown.length, isMore)}>
        <Done {...said} />
        <Filters path={addresses.quarantine}>
          <Field label="Show">
            <select name="state">
              <option value="waiting">What waits</option>
              <option value="settled" selected={state === "settled"}>
                What is settled
              </option>
            </select>
          </Field>
        </Filters>
        {shown.length === 0 ? (
          <Nothing state={state} />
        ) : (
          <>
            {state === "waiting" ? <ReleaseAll viewer={viewer} rows={shown} /> : null}
            <QuarantineList viewer={viewer} rows={shown} state={state} />
            {state === "waiting" ? <Advice rows={shown} /> : null}
          </>
        )}
        <Pager
          path={addresses.quarantine}
          query={{ state: state === "waiting" ? undefined : state, cursor: c.req.query("cursor") }}
          nextCursor={isMore && last !== undefined ? encodeCursor({ receivedAt: last.receivedAt, id: last.id }) : null}
        />
      </Page>,
    );
  });
  addQuarantineActions(pages, world);
  addQuarantined(pages);
}

function leadOf(state: "waiting" | "settled", shown: number, isMore: boolean): string {
  if (state === "settled") return "Released, or accepted by another way: nothing here needs anybody.";
  if (shown === 0) return "Nothing waits for you to decide.";
  const many = shown === 1 && !isMore ? "1 event waits" : `${isMore ? "More than " : ""}${shown} events wait`;
  return `${many} for you to decide: each is from Qonto, for its signature holds, but it was not safe to pass on unseen.`;
}

function Nothing({ state }: { readonly state: "waiting" | "settled" }) {
  return state === "waiting" ? (
    <EmptyState title="The quarantine is empty.">
      <p>Events that come too late, or that nobody can read, would wait here for you. There is nothing to do.</p>
    </EmptyState>
  ) : (
    <EmptyState title="Nothing has been settled lately.">
      <p>
        What is released <a href={addresses.quarantine}>from what waits</a> is found here for a while.
      </p>
    </EmptyState>
  );
}
