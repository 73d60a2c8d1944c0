import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { World } from "../../../platform/world.ts";
import { type DeadLetter, listDeadLetters } from "../../../store/dead-letters.ts";
import { findDestinations } from "../../../store/destinations.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState, Filters, Pager } from "../../ui/table.tsx";
import { Field } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { addDeadLetterActions } from "./actions.ts";
import { Done, doneQuery } from "./done.tsx";
import { addDeadLetter } from "./dead-letter.tsx";
import { LetterList } from "./list.tsx";

const PER_PAGE = 50;

const query = doneQuery.extend({
  state: z.enum(["waiting", "replayed", "all"]).default("waiting"),
  cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
});

type State = z.output<typeof query>["state"];

const options: Readonly<Record<State, string>> = {
  waiting: "What waits",
  replayed: "What was replayed",
  all: "All",
};

/** What the queues gave up on. */
export function addDeadLetters(pages: Console, world: World): void {
  pages.get("/dead-letters", async (c) => {
    const { state, cursor, done } = readQuery(c, query);
    const isWaiting = state === "all" ? undefined : state === "waiting";
    const { letters, next } = await listDeadLetters(c.env.DB, { isWaiting, before: cursor, limit: PER_PAGE });
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page
        title="Dead letters"
        viewer={viewer}
        here={addresses.deadLetters}
        lead={leadOf(state, letters.length, next !== null)}
      >
        <Done done={done} />
        <Filters path={addresses.deadLetters}>
          <Field label="Show">
            <select name="state">
              {Object.entries(options).map(([value, label]) => (
                <option value={value} selected={value === state}>
                  {label}
                </option>
              ))}
            </select>
          </Field>
        </Filters>
        {letters.length === 0 ? (
          <Nothing isMore={next !== null} />
        ) : (
          <LetterList viewer={viewer} letters={letters} destinations={await destinationsOf(c.env.DB, letters)} />
        )}
        <Pager
          path={addresses.deadLetters}
          query={{ state: state === "waiting" ? undefined : state, cursor: c.req.query("cursor") }}
          nextCursor={next === null ? null : encodeCursor(next)}
        />
      </Page>,
    );
  });
  addDeadLetterActions(pages, world);
  addDeadLetter(pages);
}

async function destinationsOf(db: Database, letters: readonly DeadLetter[]) {
  const ids = [...new Set(letters.flatMap(({ destinationId }) => (destinationId === null ? [] : [destinationId])))];
  return ids.length === 0 ? [] : findDestinations(db, ids);
}

function leadOf(state: State, shown: number, isMore: boolean): string {
  if (state !== "waiting")
    return "What the queues gave up on after all their tries, and what an operator has sent again.";
  if (shown === 0) {
    return isMore
      ? "None of the newest dead letters waits for you; older ones may."
      : "The queues have given up on nothing that waits for you.";
  }
  const many = shown === 1 && !isMore ? "1 message waits" : `${isMore ? "More than " : ""}${shown} messages wait`;
  return `${many} for you: the queues gave up on ${many.startsWith("1 ") ? "it" : "them"} after all their tries. Nothing is lost; replay once the fault is mended.`;
}

function Nothing({ isMore }: { readonly isMore: boolean }) {
  return isMore ? (
    <EmptyState title="None of this kind is among those that were looked at.">
      <p>Older ones are on the next page.</p>
    </EmptyState>
  ) : (
    <EmptyState title="There are no dead letters here.">
      <p>A message that fails in all its tries would be kept here for you to replay. There is nothing to do.</p>
    </EmptyState>
  );
}
