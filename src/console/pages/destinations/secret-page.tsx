import { addresses, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { Press } from "../../ui/form.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { durationInWords } from "../../ui/values.tsx";
import type { Viewer } from "../../requests.ts";
import { Snippets } from "./snippets.tsx";

interface SecretPageProps {
  readonly viewer: Viewer;
  readonly destination: { readonly id: string; readonly description: string | null; readonly url: string };
  readonly secret: string;
  readonly why: "created" | { readonly overlapSeconds: number };
}

/** The only page that ever shows a secret. It is the answer to a form: it has no address to come back to. */
export function SecretPage({ viewer, destination, secret, why }: SecretPageProps) {
  return (
    <Page title={destinationName(destination)} viewer={viewer} here={addresses.destinations}>
      <Notice kind="ok">
        {why === "created"
          ? "The destination is there."
          : `The secret is another one. ${sayOverlap(why.overlapSeconds)}`}{" "}
        This is its secret, shown this once: hand it to the destination before you leave this page.
      </Notice>
      <p class="secret">
        <code id="secret">{secret}</code>
        <button type="button" class="button button-plain" data-copy="secret" hidden>
          Copy
        </button>
      </p>
      <p class="help">Anyone loses it gets another one by “Rotate secret” on the destination's page.</p>
      <div class="actions">
        <Press viewer={viewer} action={destinationActionAddress(destination.id, "test")} kind="main">
          Send a test event
        </Press>
        <a class="button button-plain" href={destinationAddress(destination.id)}>
          Go to the destination
        </a>
      </div>
      <Snippets />
    </Page>
  );
}

function sayOverlap(seconds: number): string {
  if (seconds === 0) return "The one before signs no more.";
  const overlap = durationInWords(seconds * 1000);
  return `The one before signs as well for ${overlap}. X-Qonto-Signature stays the oldest one's until its overlap ends: let the receiver accept both.`;
}
