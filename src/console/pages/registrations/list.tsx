import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import { toPage } from "../../../api/responses.ts";
import { registrationLine } from "../../../qonto/registration-line.ts";
import { type StageRow, latestStagesOf, listRegistrationIds } from "../../../store/registrations.ts";
import { addresses, registrationAddress } from "../../addresses.ts";
import { EmptyState, Pager, Table } from "../../ui/table.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { ShortId, State, TimeOfText } from "../../ui/values.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { FindForm } from "../organizations/find-form.tsx";
import { stageName } from "./stage-name.ts";

const PER_PAGE = 50;

const listQuery = z.strictObject({
  id: z.string().trim().optional(),
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
});

/** How far is each? An id leads straight to its registration. */
export function addList(pages: Console): void {
  pages.get("/registrations", async (c) => {
    const { id, cursor } = readQuery(c, listQuery);
    const isThere = id !== undefined && (await latestStagesOf(c.env.DB, [id])).length > 0;
    if (isThere) return c.redirect(registrationAddress(id), 303);
    const ids = await listRegistrationIds(c.env.DB, cursor?.id ?? "", PER_PAGE + 1);
    const { data: shownIds, next_cursor } = toPage(ids, PER_PAGE, {
      show: (one) => one,
      cursorAt: (one) => encodeCursor({ id: one }),
    });
    const stages = await latestStagesOf(c.env.DB, shownIds);
    const rows = [...Map.groupBy(stages, ({ registrationId }) => registrationId).values()];
    return showPage(
      c,
      <Page
        title="Registrations"
        viewer={viewerOf(c)}
        here={addresses.registrations}
        lead="Who is on the way to an account, and how far each has come."
      >
        {id === undefined ? null : (
          <Notice kind="bad">
            There is no registration with the id <bdi>{id}</bdi>. An id has to be whole.
          </Notice>
        )}
        <FindForm action={addresses.registrations} label="Find a registration by its id" value={id} />
        {rows.length === 0 ? <Nobody isFirstPage={cursor === undefined} /> : <Listed rows={rows} />}
        <Pager path={addresses.registrations} query={{ cursor: c.req.query("cursor") }} nextCursor={next_cursor} />
      </Page>,
    );
  });
}

type Row = readonly StageRow[];

function Listed({ rows }: { readonly rows: readonly Row[] }) {
  return (
    <Table
      caption="Registrations in the order of their ids"
      rows={rows}
      columns={[
        { title: "Registration", cell: (row) => <RegistrationLink row={row} /> },
        { title: "Stage", cell: (row) => <Stage row={row} /> },
        { title: "Since", cell: (row) => <Since at={row.at(-1)?.at ?? null} /> },
      ]}
    />
  );
}

function RegistrationLink({ row }: { readonly row: Row }) {
  const id = row[0]?.registrationId ?? "";
  return (
    <a href={registrationAddress(id)}>
      <ShortId id={id} />
    </a>
  );
}

function Stage({ row }: { readonly row: Row }) {
  const stage = row.at(-1)?.stage ?? "";
  const state = stage === "completed" ? "done" : stage === "deleted" ? "paused" : "begun";
  const isAnOrganization = !row.some(({ isRegistration }) => isRegistration);
  return (
    <span class="known-words">
      <State state={state}>{stageName(stage)}</State>
      {isAnOrganization ? <span class="known-aside">of an organization</span> : null}
      <StillAhead row={row} />
    </span>
  );
}

/** Of those that every registration goes through. */
function StillAhead({ row }: { readonly row: Row }) {
  const { places } = registrationLine(row);
  const left = places.filter((place) => place.standing === "ahead" && !place.isPossible).length;
  return left === 0 ? null : <span class="known-aside">at least {left} more to come</span>;
}

function Since({ at }: { readonly at: string | null }) {
  return at === null ? <span>not said</span> : <TimeOfText text={at} />;
}

function Nobody({ isFirstPage }: { readonly isFirstPage: boolean }) {
  if (!isFirstPage) return <EmptyState title="There are no more registrations."></EmptyState>;
  return (
    <EmptyState title="No registration is known yet.">
      <p>
        They come with the Onboarding API's events: <code>npm run qonto -- onboarding register</code> asks for them.
      </p>
    </EmptyState>
  );
}
