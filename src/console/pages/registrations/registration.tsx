import { notFound } from "../../../api/requests.ts";
import { registrationLine } from "../../../qonto/registration-line.ts";
import { MOST_STAGES, type StageRow, latestStagesOf } from "../../../store/registrations.ts";
import { addresses } from "../../addresses.ts";
import { Page } from "../../ui/layout.tsx";
import { TimeOfText } from "../../ui/values.tsx";
import { type Console, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Trail } from "../organizations/trail.tsx";
import { Life, Line } from "./line.tsx";
import { stageName } from "./stage-name.ts";

/** Where does it stand, how did it come there, and what lies ahead? */
export function addRegistration(pages: Console): void {
  pages.get("/registrations/:id", async (c) => {
    const id = c.req.param("id");
    const stages = await latestStagesOf(c.env.DB, [id]);
    const present = stages.at(-1);
    if (present === undefined) throw notFound("registration");
    const isRegistration = stages.some((stage) => stage.isRegistration);
    const { places, before } = registrationLine(stages);
    return showPage(
      c,
      <Page title={isRegistration ? "Registration" : "Reset"} viewer={viewerOf(c)} here={addresses.registrations}>
        <Trail steps={[{ href: addresses.registrations, text: "Registrations" }]} />
        <Present id={id} present={present} isRegistration={isRegistration} />
        <section aria-labelledby="line">
          <h2 id="line">Its way</h2>
          <Line places={places} />
        </section>
        {before.length === 0 ? null : (
          <section aria-labelledby="before">
            <h2 id="before">Before it was reset</h2>
            {before.toReversed().map((life) => (
              <Life stages={life} />
            ))}
          </section>
        )}
        {stages.length < MOST_STAGES ? null : <p class="help">The latest {MOST_STAGES} events are shown.</p>}
      </Page>,
    );
  });
}

interface PresentProps {
  readonly id: string;
  readonly present: StageRow;
  readonly isRegistration: boolean;
}

function Present({ id, present, isRegistration }: PresentProps) {
  return (
    <>
      <p class="known-subject">
        <bdi>{stageName(present.stage)}</bdi>
      </p>
      <p class="known-more">
        <code>
          <bdi>{id}</bdi>
        </code>
      </p>
      <p class="known-sentence">
        {present.at === null ? (
          "Qonto has not said since when."
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
