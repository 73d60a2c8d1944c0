import { encodeCursor, notFound } from "../../api/requests.ts";
import { toPage } from "../../api/responses.ts";
import { type Place, type Reached, registrationLine } from "../../qonto/registration.ts";
import { type StageRow, MOST_STAGES, latestStagesOf, listRegistrationIds } from "../../store/registrations.ts";
import { addresses, eventAddress, registrationAddress } from "../addresses.ts";
import { type Console, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { Page } from "../ui/layout.tsx";
import { type Column, EmptyState, FindById, ListPage, findQuery } from "../ui/table.tsx";
import { ShortId, State, TimeOfText, capitalized } from "../ui/values.tsx";

const PER_PAGE = 50;

/** Who is opening an account, and how far each has come. */
export function addRegistrations(pages: Console): void {
  pages.get("/registrations", async (c) => {
    const { sought, after } = readQuery(c, findQuery);
    const isFound = sought !== undefined && (await latestStagesOf(c.env.DB, [sought])).length > 0;
    if (isFound) return c.redirect(registrationAddress(sought), 303);
    const ids = await listRegistrationIds(c.env.DB, after, PER_PAGE + 1);
    const { data: shownIds, next_cursor } = toPage(ids, PER_PAGE, {
      show: (one) => one,
      cursorAt: (one) => encodeCursor({ id: one }),
    });
    const stages = await latestStagesOf(c.env.DB, shownIds);
    const rows = [...Map.groupBy(stages, ({ registrationId }) => registrationId).values()];
    return showPage(
      c,
      <ListPage
        title="Registrations"
        here={addresses.registrations}
        lead="Companies that are opening an account, and the stage of each."
        caption="Registrations in the order of their ids"
        columns={columns}
        rows={rows}
        next={next_cursor}
        empty={
          <EmptyState title="No registrations yet">
            <p>
              They come with the events of the Onboarding API. Subscribe with{" "}
              <code>npm run qonto -- onboarding register</code>.
            </p>
          </EmptyState>
        }
      >
        <FindById
          action={addresses.registrations}
          label="Find a registration by its id"
          what="registration"
          sought={sought}
        />
      </ListPage>,
    );
  });

  pages.get("/registrations/:id", async (c) => {
    const id = c.req.param("id");
    const stages = await latestStagesOf(c.env.DB, [id]);
    const present = stages.at(-1);
    if (present === undefined) throw notFound("registration");
    const isRegistration = stages.some((stage) => stage.isRegistration);
    const { places, before } = registrationLine(stages);
    return showPage(
      c,
      <Page
        title={isRegistration ? "Registration" : "Reset"}
        here={addresses.registrations}
        trail={[{ href: addresses.registrations, text: "Registrations" }]}
      >
        <Present id={id} present={present} isRegistration={isRegistration} />
        <section aria-labelledby="stages">
          <h2 id="stages">Stages</h2>
          <Stages places={places} />
        </section>
        {before.length === 0 ? null : (
          <section aria-labelledby="before">
            <h2 id="before">Before the reset</h2>
            {before.toReversed().map((life) => (
              <Stages places={life.map((reached) => ({ standing: "done", ...reached }))} />
            ))}
          </section>
        )}
        {stages.length < MOST_STAGES ? null : <p class="help">The latest {MOST_STAGES} events are shown.</p>}
      </Page>,
    );
  });
}

/** The latest stages of one registration, oldest first. */
type Row = readonly StageRow[];

const columns: readonly Column<Row>[] = [
  {
    title: "Registration",
    cell: ([stage]) => (
      <a href={registrationAddress(stage?.registrationId ?? "")}>
        <ShortId id={stage?.registrationId ?? ""} />
      </a>
    ),
  },
  { title: "Stage", cell: (row) => <Stage row={row} /> },
  { title: "Since", cell: (row) => <Since at={row.at(-1)?.at ?? null} /> },
];

function Stage({ row }: { readonly row: Row }) {
  const stage = row.at(-1)?.stage ?? "";
  const state = stage === "completed" ? "done" : stage === "deleted" ? "paused" : "begun";
  const isOrganization = !row.some(({ isRegistration }) => isRegistration);
  // Stages that only some registrations go through are not counted.
  const left = registrationLine(row).places.filter((place) => place.standing === "ahead" && !place.isPossible).length;
  return (
    <span class="cluster">
      <State state={state}>{stageName(stage)}</State>
      {isOrganization ? <span class="aside">of an organization</span> : null}
      {left === 0 ? null : <span class="aside">at least {left} more to come</span>}
    </span>
  );
}

function Since({ at }: { readonly at: string | null }) {
  return at === null ? <span>unknown</span> : <TimeOfText text={at} show="relative" />;
}

interface PresentProps {
  readonly id: string;
  readonly present: StageRow;
  readonly isRegistration: boolean;
}

function Present({ id, present, isRegistration }: PresentProps) {
  return (
    <>
      <p class="title cluster">
        <bdi>{stageName(present.stage)}</bdi>
      </p>
      <p class="cluster soft">
        <code>
          <bdi>{id}</bdi>
        </code>
      </p>
      <p>
        {present.at === null ? (
          "The event of this stage has no date."
        ) : (
          <>
            Since <TimeOfText text={present.at} />.
          </>
        )}{" "}
        {present.stage === "completed" ? "The account is open." : ""}
        {isRegistration
          ? ""
          : "An organization was deleted, and the registration behind it reset. Qonto names the organization alone, not the registration."}
      </p>
    </>
  );
}

const standings = {
  done: { sign: "●", tone: "ok", word: "done" },
  now: { sign: "◉", tone: "ok", word: "now" },
  ahead: { sign: "○", tone: "idle", word: "ahead" },
  unheard: { sign: "◌", tone: "wait", word: "no event came" },
} as const;

/** A registration's stages in their order: done, present, ahead. */
function Stages({ places }: { readonly places: readonly Place[] }) {
  return (
    <>
      <ol class="timeline card">
        {places.map((place) => (
          <li
            class={`cluster tone-${standings[place.standing].tone}`}
            aria-current={place.standing === "now" ? "step" : undefined}
          >
            <span class="sign" aria-hidden="true">
              {standings[place.standing].sign}
            </span>
            <bdi class={place.standing === "done" ? undefined : place.standing === "now" ? "strong" : "soft"}>
              {stageName(place.stage)}
            </bdi>
            <span class="small soft">{isPossible(place) ? "perhaps" : standings[place.standing].word}</span>
            {place.standing === "done" || place.standing === "now" ? <ReachedAt reached={place} /> : null}
          </li>
        ))}
      </ol>
      {places.some(isPossible) ? (
        <p class="help">
          Stages marked “perhaps” come only where a company is being created; which of them do depends on the country.
        </p>
      ) : null}
    </>
  );
}

function isPossible(place: Place): boolean {
  return place.standing === "ahead" && place.isPossible;
}

function ReachedAt({ reached: { at, eventId } }: { readonly reached: Reached }) {
  return (
    <span class="end cluster">
      {at === null ? "no date" : <TimeOfText text={at} />} <a href={eventAddress(eventId)}>event</a>
    </span>
  );
}

/** `Contract signed` for `contract_signed`; works for stages that the relay does not know. */
function stageName(stage: string): string {
  if (stage === "deleted") return "Reset";
  return capitalized(stage.slice(0, 80).replaceAll("_", " "));
}
