import { z } from "zod";
import { existingDestination, rotateDestinationSecret } from "../../../api/actions/destinations.ts";
import type { Destination } from "../../../domain/destination.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, destinationActionAddress, destinationAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import { type Console, DOCS, readForm } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../../domain/destination-name.ts";
import { Button, ButtonLink, CopyButton, Form, Press, Select, wholeNumber } from "../../ui/form.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { durationInWords } from "../../ui/values.tsx";
import { Snippets } from "../docs.tsx";

/** In seconds. */
const overlaps: readonly (readonly [value: string, text: string])[] = [
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "7 days"],
  ["2592000", "30 days"],
  ["0", "None: the old secret is lost or leaked"],
];

const USUAL_OVERLAP = "86400";

const fields = z.object({
  overlap_seconds: z
    .enum(
      overlaps.map(([value]) => value),
      "Is no choice",
    )
    .transform(Number),
  /** The destination's last change that the form knows. It keeps a form that is sent twice from rotating twice. */
  updated_at: wholeNumber,
});

export function addDestinationRotation(pages: Console, world: World): void {
  pages.get("/destinations/:id/rotate", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    return showPage(c, <RotatePage destination={destination} />);
  });

  pages.post("/destinations/:id/rotate", async (c) => {
    const { overlap_seconds, updated_at } = await readForm(c, fields);
    const destination = await existingDestination(c, c.req.param("id"));
    if (destination.updatedAt !== updated_at) {
      return redirectDone(c, destinationAddress(destination.id), "secret-not-rotated");
    }
    try {
      const secret = await rotateDestinationSecret(c, world, destination.id, overlap_seconds);
      const why = `The secret was rotated. ${sayOverlap(overlap_seconds)}`;
      return showPage(c, <SecretPage destination={destination} secret={secret} why={why} />);
    } catch (error) {
      if (!(error instanceof ProblemError && error.problem.code === "too_many_rotations")) throw error;
      return showPage(c, <RotatePage destination={destination} refusal={error.problem.detail} />, 409);
    }
  });
}

function sayOverlap(seconds: number): string {
  if (seconds === 0) return "The old secret no longer signs.";
  return `The old secret also signs for ${durationInWords(seconds * 1000)}. ${oneSignature}`;
}

const oneSignature =
  "X-Qonto-Signature has room for one signature: that of the oldest secret, until its overlap ends. Let the receiver accept both.";

interface RotatePageProps {
  readonly destination: Destination;
  /** Why the rotation was refused. */
  readonly refusal?: string;
}

function RotatePage({ destination, refusal }: RotatePageProps) {
  return (
    <Page
      title={`Rotate the secret of ${destinationName(destination)}`}
      here={addresses.destinations}
      lead="The next page shows the new secret, once. Both secrets sign until the overlap ends."
    >
      {refusal === undefined ? null : <Notice kind="bad">{refusal}</Notice>}
      <Form action={destinationActionAddress(destination.id, "rotate")} class="stack">
        <input type="hidden" name="updated_at" value={String(destination.updatedAt)} />
        <Select label="Overlap" name="overlap_seconds" help={oneSignature} value={USUAL_OVERLAP} options={overlaps} />
        <p class="actions">
          <Button kind="main">Rotate secret</Button>
          <ButtonLink href={destinationAddress(destination.id)}>Cancel</ButtonLink>
        </p>
      </Form>
    </Page>
  );
}

interface SecretPageProps {
  readonly destination: Destination;
  readonly secret: string;
  /** What happened. */
  readonly why: string;
}

/** The only page that ever shows a secret. It answers a form and has no address, so nobody can come back to it. */
export function SecretPage({ destination, secret, why }: SecretPageProps) {
  return (
    <Page title={destinationName(destination)} here={addresses.destinations}>
      <Notice kind="ok">
        {why} This is its secret, shown only once: pass it to the destination before you leave this page.
      </Notice>
      <p class="secret card cluster">
        <code id="secret">{secret}</code>
        <CopyButton id="secret" />
      </p>
      <p class="help">A lost secret cannot be shown again: rotate it on the destination's page.</p>
      <div class="actions">
        <Press action={destinationActionAddress(destination.id, "test")} kind="main">
          Send test event
        </Press>
        <ButtonLink href={destinationAddress(destination.id)}>Go to the destination</ButtonLink>
      </div>
      <p class="help">
        The destination's developers find what they need on <a href={DOCS}>{DOCS}</a>, without a login.
      </p>
      <Snippets />
    </Page>
  );
}
