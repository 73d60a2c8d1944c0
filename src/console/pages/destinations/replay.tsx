import type { PropsWithChildren } from "hono/jsx";
import { z } from "zod";
import { existingDestination } from "../../../api/actions/destinations.ts";
import { previewReplay, replayDestination } from "../../../api/actions/replays.ts";
import type { Destination } from "../../../domain/destination.ts";
import type { Replay } from "../../../domain/replay.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, destinationActionAddress, destinationAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import { type Console, readForm, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../../domain/destination-name.ts";
import { Button, ButtonLink, Form, MomentField, Select, moment, wholeNumber } from "../../ui/form.tsx";
import { Notice, Page, Section } from "../../ui/layout.tsx";
import { Time, counted } from "../../ui/values.tsx";

const choices: Readonly<Record<Replay["which"], { readonly title: string; readonly events: string }>> = {
  failed: { title: "Dead deliveries", events: "dead deliveries" },
  missing: { title: "Missed events: wanted, but never sent", events: "missed events" },
  all: { title: "All wanted events, also delivered ones", events: "all events" },
};

const which = z.enum(["failed", "missing", "all"]);

const query = z.strictObject({ which, since: z.string().optional(), until: z.string().optional() });

/** To the millisecond, so that exactly the counted events are replayed. */
const fields = z.object({ which, since: wholeNumber, until: wholeNumber });

/** Counts what a replay would send, then sends it. */
export function addDestinationReplay(pages: Console, world: World): void {
  pages.get("/destinations/:id/replay", async (c) => {
    const { which, ...typed } = readQuery(c, query);
    const destination = await existingDestination(c, c.req.param("id"));
    const now = world.now();
    const [since, asked] = [moment.safeParse(typed.since).data, moment.safeParse(typed.until).data];
    const until = typed.until === undefined ? now + 1 : asked;
    const faults = faultsOf(since, until, now);
    const form = (
      <ReplayForm destinationId={destination.id} which={which} since={since} until={asked} faults={faults} />
    );
    if (since === undefined || until === undefined || Object.keys(faults).length > 0) {
      return showPage(
        c,
        <ReplayPage destination={destination}>
          <Notice kind="bad">Nothing was counted. Fix the marked field.</Notice>
          {form}
        </ReplayPage>,
        400,
      );
    }
    const input = { which, since, until };
    return showPage(
      c,
      <ReplayPage destination={destination}>
        <Preview
          destination={destination}
          input={input}
          preview={await previewReplay(c, world, destination.id, input)}
        />
        {form}
      </ReplayPage>,
    );
  });

  pages.post("/destinations/:id/replay", async (c) => {
    const id = c.req.param("id");
    await replayDestination(c, world, id, await readForm(c, fields));
    return redirectDone(c, `${destinationAddress(id)}#replays`, "replay-started");
  });
}

function ReplayPage({ destination, children }: PropsWithChildren<{ readonly destination: Destination }>) {
  return (
    <Page title={`Replay to ${destinationName(destination)}`} here={addresses.destinations}>
      {children}
      <p>
        <a href={destinationAddress(destination.id)}>Back to the destination</a>
      </p>
    </Page>
  );
}

interface PreviewProps {
  readonly destination: Destination;
  readonly input: z.output<typeof fields>;
  readonly preview: Awaited<ReturnType<typeof previewReplay>>;
}

/** How many events the replay would send, and the button that sends them. */
function Preview({ destination, input, preview: { many, isWhole } }: PreviewProps) {
  const events = `${isWhole ? "" : "at least "}${counted(many, "event")}`;
  const isNothing = many === 0 && isWhole;
  return (
    <section class={`banner tone-${isNothing ? "wait" : "ok"}`} aria-label="Events to replay">
      <p class="banner-sentence">
        {isNothing ? "Nothing" : <strong>{events}</strong>} to replay: {choices[input.which].events}, received from{" "}
        <Time at={input.since} /> to <Time at={input.until} />.
      </p>
      {destination.enabled ? null : <p>The destination is paused: deliveries wait until it is resumed.</p>}
      {isNothing ? null : (
        <Form action={destinationActionAddress(destination.id, "replay")}>
          {Object.entries(input).map(([name, value]) => (
            <input type="hidden" name={name} value={String(value)} />
          ))}
          <p class="actions">
            <Button kind="main">{`Replay ${events}`}</Button>
            <ButtonLink href={destinationAddress(destination.id)}>Cancel</ButtonLink>
          </p>
        </Form>
      )}
    </section>
  );
}

/** A sentence by the field that is wrong. */
interface ReplayFaults {
  readonly since?: string;
  readonly until?: string;
}

const EXAMPLE = "Give a moment, such as 2026-11-24T10:05.";

function faultsOf(since: number | undefined, until: number | undefined, now: number): ReplayFaults {
  if (since === undefined) return { since: EXAMPLE };
  if (since > now) return { since: "Must not lie in the future." };
  if (until === undefined) return { until: EXAMPLE };
  return until > since ? {} : { until: "Must be after “Received since”." };
}

interface ReplayFormProps {
  readonly destinationId: string;
  readonly which?: Replay["which"];
  /** Unix milliseconds. */
  readonly since: number | undefined;
  readonly until?: number | undefined;
  readonly faults?: ReplayFaults;
}

/** Sending this form only counts. */
export function ReplayForm({ destinationId, which = "failed", since, until, faults = {} }: ReplayFormProps) {
  return (
    <Section id="replay" title="Replay">
      <form method="get" action={destinationActionAddress(destinationId, "replay")} class="filters">
        <Select
          label="Events"
          name="which"
          value={which}
          options={Object.entries(choices).map(([value, { title }]) => [value, title])}
        />
        <MomentField label="Received since" name="since" value={since} fault={faults.since} required />
        <MomentField label="Received before" name="until" value={until} fault={faults.until} />
        <div class="actions">
          <button type="submit" class="button">
            Count
          </button>
        </div>
      </form>
      <p class="help">
        Without “Received before” the replay ends now. The events are counted first, and nothing is sent until you
        confirm.
      </p>
    </Section>
  );
}

/** The latest replays and their progress. */
export function Replays({ replays }: { readonly replays: readonly Replay[] }) {
  if (replays.length === 0) return null;
  return (
    <Section id="replays" title="Replays">
      <ul class="stack">
        {replays.map((replay) => (
          <li>
            Replay of {choices[replay.which].events}, received from <Time at={replay.since} /> to{" "}
            <Time at={replay.until} />:{" "}
            {replay.finishedAt === null ? (
              <Progress replay={replay} />
            ) : (
              <>
                finished at <Time at={replay.finishedAt} />.
              </>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Progress({ replay: { since, until, reached } }: { readonly replay: Replay }) {
  const percent = Math.min(99, Math.floor(((reached.receivedAt - since) / Math.max(1, until - since)) * 100));
  return (
    <>
      reached <Time at={reached.receivedAt} />, {percent} %.
      <progress max={100} value={percent} aria-label="Progress of the replay">
        {percent} %
      </progress>
    </>
  );
}
