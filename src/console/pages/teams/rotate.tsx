import { z } from "zod";
import { rotateTeamSecret } from "../../../operator/actions/rotate-team-secret.ts";
import { existingTeam } from "../../../operator/actions/teams.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses, teamAddress, teamDeedAddress } from "../../addresses.ts";
import { linkTo } from "../../components/filters.tsx";
import { Button, Field, Form } from "../../components/form.tsx";
import { Notice } from "../../components/notice.tsx";
import { Page } from "../../components/page.tsx";
import { teamName } from "../../components/team-link.tsx";
import { type Console, type Viewer, readForm, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { SecretPage } from "./secret-page.tsx";

const overlaps = [
  { seconds: 3_600, title: "1 hour" },
  { seconds: 86_400, title: "1 day" },
  { seconds: 7 * 86_400, title: "7 days" },
  { seconds: 30 * 86_400, title: "30 days" },
  { seconds: 0, title: "Not at all: the one before is lost, or known to somebody else" },
] as const;

const USUAL_SECONDS = 86_400;

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "Is no whole number")
  .transform(Number);

const fields = z.object({
  overlap_seconds: wholeNumber.refine((seconds) => overlaps.some((one) => one.seconds === seconds), "Is no choice"),
  /** When the team was changed last, as the form knows: one that is sent again must not rotate again. */
  updated_at: wholeNumber,
});

export function addTeamRotation(pages: Console, world: World): void {
  pages.get("/teams/:id/rotate", async (c) => {
    const team = await existingTeam(c, c.req.param("id"));
    return showPage(c, <RotatePage team={team} viewer={viewerOf(c)} />);
  });

  pages.post("/teams/:id/rotate", async (c) => {
    const { overlap_seconds, updated_at } = await readForm(c, fields);
    const team = await existingTeam(c, c.req.param("id"));
    if (team.updatedAt !== updated_at) return c.redirect(linkTo(teamAddress(team.id), { done: "rotated-before" }), 303);
    const viewer = viewerOf(c);
    try {
      const secret = await rotateTeamSecret(c, world, team.id, overlap_seconds);
      const why = { overlapSeconds: overlap_seconds };
      return showPage(c, <SecretPage viewer={viewer} team={team} secret={secret} why={why} />);
    } catch (error) {
      if (!(error instanceof ProblemError && error.problem.code === "too_many_rotations")) throw error;
      return showPage(c, <RotatePage team={team} viewer={viewer} refusal={error.problem.detail} />, 409);
    }
  });
}

interface RotatePageProps {
  readonly team: DestinationReport;
  readonly viewer: Viewer;
  /** Why it could not be done just now. */
  readonly refusal?: string;
}

function RotatePage({ team, viewer, refusal }: RotatePageProps) {
  return (
    <Page
      title={`Rotate the secret of ${teamName(team)}`}
      viewer={viewer}
      here={addresses.teams}
      lead="The team gets another secret, shown once on the next page. Until the overlap ends both sign."
    >
      {refusal === undefined ? null : <Notice kind="bad">{refusal}</Notice>}
      <Form viewer={viewer} action={teamDeedAddress(team.id, "rotate")} class="team-form stack">
        <input type="hidden" name="updated_at" value={String(team.updatedAt)} />
        <Field
          label="The present secret signs as well for"
          help="X-Qonto-Signature has room for one: it stays the oldest one's until its overlap ends. Let the receiver accept both until then."
        >
          <select name="overlap_seconds">
            {overlaps.map(({ seconds, title }) => (
              <option value={String(seconds)} selected={seconds === USUAL_SECONDS}>
                {title}
              </option>
            ))}
          </select>
        </Field>
        <p class="actions">
          <Button viewer={viewer} kind="main">
            Rotate the secret
          </Button>
          <a class="button button-plain" href={teamAddress(team.id)}>
            Leave it
          </a>
        </p>
      </Form>
    </Page>
  );
}
