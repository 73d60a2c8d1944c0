import { z } from "zod";
import { rotateDestinationSecret } from "../../../api/actions/rotate-destination-secret.ts";
import { existingDestination } from "../../../api/actions/destinations.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { Button, Field, Form } from "../../ui/form.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { destinationName } from "../../ui/destination.tsx";
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
  /** When the destination was changed last, as the form knows: one that is sent again must not rotate again. */
  updated_at: wholeNumber,
});

export function addDestinationRotation(pages: Console, world: World): void {
  pages.get("/destinations/:id/rotate", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    return showPage(c, <RotatePage destination={destination} viewer={viewerOf(c)} />);
  });

  pages.post("/destinations/:id/rotate", async (c) => {
    const { overlap_seconds, updated_at } = await readForm(c, fields);
    const destination = await existingDestination(c, c.req.param("id"));
    if (destination.updatedAt !== updated_at)
      return c.redirect(linkTo(destinationAddress(destination.id), { done: "rotated-before" }), 303);
    const viewer = viewerOf(c);
    try {
      const secret = await rotateDestinationSecret(c, world, destination.id, overlap_seconds);
      const why = { overlapSeconds: overlap_seconds };
      return showPage(c, <SecretPage viewer={viewer} destination={destination} secret={secret} why={why} />);
    } catch (error) {
      if (!(error instanceof ProblemError && error.problem.code === "too_many_rotations")) throw error;
      return showPage(c, <RotatePage destination={destination} viewer={viewer} refusal={error.problem.detail} />, 409);
    }
  });
}

interface RotatePageProps {
  readonly destination: DestinationReport;
  readonly viewer: Viewer;
  /** Why it could not be done just now. */
  readonly refusal?: string;
}

function RotatePage({ destination, viewer, refusal }: RotatePageProps) {
  return (
    <Page
      title={`Rotate the secret of ${destinationName(destination)}`}
      viewer={viewer}
      here={addresses.destinations}
      lead="The destination gets another secret, shown once on the next page. Until the overlap ends both sign."
    >
      {refusal === undefined ? null : <Notice kind="bad">{refusal}</Notice>}
      <Form viewer={viewer} action={destinationActionAddress(destination.id, "rotate")} class="destination-form stack">
        <input type="hidden" name="updated_at" value={String(destination.updatedAt)} />
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
          <a class="button button-plain" href={destinationAddress(destination.id)}>
            Leave it
          </a>
        </p>
      </Form>
    </Page>
  );
}
