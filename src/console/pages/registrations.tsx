import { encodeCursor, notFound } from "../../api/requests.ts";
import { pageOf } from "../../platform/page.ts";
import { type Place, registrationLine } from "../../qonto/registration.ts";
import { type StageRow, MOST_STAGES, latestStagesOf, listRegistrationIds } from "../../store/registrations.ts";
import { addresses, eventAddress, registrationAddress } from "../addresses.ts";
import { type Console, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { Page, Section } from "../ui/layout.tsx";
import { type Column, EmptyState, FindById, ListPage, findQuery } from "../ui/table.tsx";
import { ShortId, State, TimeOfText, capitalized } from "../ui/values.tsx";

const PER_PAGE = 50;

/** Who is opening an account, and how far each has come. */
export function addRegistrations(pages: Console): void {
  pages.get("/registrations", async (c) => {
    const { sought, after } = readQuery(c, findQuery);
    const isFound = sought !== undefined && (await latestStagesOf(c.env.DB, [sought])).length > 0;
    if (isFound) return c.redirect(registrationAddress(sought), 303);
    const { rows: ids, next } = pageOf(await listRegistrationIds(c.env.DB, after, PER_PAGE + 1), PER_PAGE);
    const stages = await latestStagesOf(c.env.DB, ids);
    return showPage(
      c,
      <ListPage
        title="Registrations"
        here={addresses.registrations}
        lead="Companies that are opening an account, and the stage of each."
        caption="Registrations in the order of their ids"
        columns={columns}
        rows={[...Map.groupBy(stages, ({ registrationId }) => registrationId)]}
        next={next && encodeCursor({ id: next })}
        empty={
          <EmptyState title="No registrations yet">
            They come with the events of the Onboarding API. Subscribe with{" "}
            <code>npm run qonto -- onboarding register</code>.
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
        <p class="title">
          <bdi>{stageName(present.stage)}</bdi>
        </p>
        <p class="cluster soft">
          <bdi class="mono">{id}</bdi>
        </p>
        <p>
          {present.at === null ? (
            "The event of this stage has no date."
          ) : (
            <>
              Since <TimeOfText text={present.at} />.
            </>
          )}
          {present.stage === "completed" ? " The account is open." : ""}
          {isRegistration
            ? ""
            : " An organization was deleted, and the registration behind it reset. Qonto names the organization alone, not the registration."}
        </p>
        <Section id="stages" title="Stages">
          <Stages places={places} />
        </Section>
        {before.length === 0 ? null : (
          <Section id="before" title="Before the reset">
            {before.toReversed().map((life) => (
              <Stages places={life.map((reached) => ({ standing: "done", ...reached }))} />
            ))}
          </Section>
        )}
        {stages.length < MOST_STAGES ? null : <p class="help">The latest {MOST_STAGES} events are shown.</p>}
      </Page>,
    );
  });
}

/** A registration's id, and its latest stages, oldest first. */
type Row = readonly [id: string, stages: readonly StageRow[]];

const columns: readonly Column<Row>[] = [
  {
    title: "Registration",
    cell: ([id]) => (
      <a href={registrationAddress(id)}>
        <ShortId id={id} />
      </a>
    ),
  },
  { title: "Stage", cell: ([, stages]) => <Stage stages={stages} /> },
  {
    title: "Since",
    cell: ([, stages]) => {
      const at = stages.at(-1)?.at ?? null;
      return at === null ? "unknown" : <TimeOfText text={at} show="relative" />;
    },
  },
];

function Stage({ stages }: { readonly stages: readonly StageRow[] }) {
  const stage = stages.at(-1)?.stage ?? "";
  const state = stage === "completed" ? "done" : stage === "deleted" ? "paused" : "begun";
  const isOrganization = !stages.some(({ isRegistration }) => isRegistration);
  // Stages that only some registrations go through are not counted.
  const left = registrationLine(stages).places.filter((place) => place.standing === "ahead" && !place.isPossible);
  return (
    <span class="cluster">
      <State state={state}>{stageName(stage)}</State>
      {isOrganization ? <span class="aside">of an organization</span> : null}
      {left.length === 0 ? null : <span class="aside">at least {left.length} more to come</span>}
    </span>
  );
}

const standings = {
  done: { sign: "●", tone: "ok", word: "done", emphasis: undefined },
  now: { sign: "◉", tone: "ok", word: "now", emphasis: "strong" },
  ahead: { sign: "○", tone: "idle", word: "ahead", emphasis: "soft" },
  unheard: { sign: "◌", tone: "wait", word: "no event came", emphasis: "soft" },
} as const;

/** A registration's stages in their order: done, present, ahead. */
function Stages({ places }: { readonly places: readonly Place[] }) {
  return (
    <>
      <ol class="timeline card">
        {places.map((place) => {
          const { sign, tone, word, emphasis } = standings[place.standing];
          return (
            <li class={`cluster tone-${tone}`} aria-current={place.standing === "now" ? "step" : undefined}>
              <span class="sign" aria-hidden="true">
                {sign}
              </span>
              <bdi class={emphasis}>{stageName(place.stage)}</bdi>
              <span class="small soft">{isPossible(place) ? "perhaps" : word}</span>
              {"eventId" in place ? (
                <span class="end cluster">
                  {place.at === null ? "no date" : <TimeOfText text={place.at} />}{" "}
                  <a href={eventAddress(place.eventId)}>event</a>
                </span>
              ) : null}
            </li>
          );
        })}
      </ol>
      {places.some(isPossible) ? (
        <p class="help">
          Stages marked “perhaps” are only for companies that are being created. Which of them come depends on the
          country.
        </p>
      ) : null}
    </>
  );
}

function isPossible(place: Place): boolean {
  return place.standing === "ahead" && place.isPossible;
}

/** `Contract signed` for `contract_signed`; works for stages that the relay does not know. */
function stageName(stage: string): string {
  if (stage === "deleted") return "Reset";
  return capitalized(stage.slice(0, 80).replaceAll("_", " "));
}
