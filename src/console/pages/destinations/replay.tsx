import type { PropsWithChildren } from "hono/jsx";
import { z } from "zod";
import { foreseeReplay, replayDestination } from "../../../api/actions/replays.ts";
import { existingDestination } from "../../../api/actions/destinations.ts";
import type { World } from "../../../platform/world.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { Time, count } from "../../ui/values.tsx";
import { Button, Form, moment } from "../../ui/form.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { type Console, type Viewer, readForm, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { type ReplayFaults, ReplayForm } from "./replay-form.tsx";
import { whichInWords } from "./replays.tsx";

const which = z.enum(["failed", "missing", "all"]);

const query = z.strictObject({ which, since: z.string().optional(), until: z.string().optional() });

/** Exactly what was counted: to the millisecond. */
const millisecond = z
  .string()
  .regex(/^\d{1,15}$/, "Is no moment")
  .transform(Number);
const fields = z.object({ which, since: millisecond, until: millisecond });

/** First counts what a replay would send, then sends it. */
export function addDestinationReplay(pages: Console, world: World): void {
  pages.get("/destinations/:id/replay", async (c) => {
    const { which, ...typed } = readQuery(c, query);
    const destination = await existingDestination(c, c.req.param("id"));
    const viewer = viewerOf(c);
    const now = world.now();
    const [since, asked] = [momentOf(typed.since), momentOf(typed.until)];
    const until = typed.until === undefined ? now + 1 : asked;
    const faults = faultsOf(since, until, now);
    if (since === undefined || until === undefined || Object.keys(faults).length > 0) {
      return showPage(
        c,
        <ReplayPage viewer={viewer} destination={destination}>
          <Notice kind="bad">Nothing was counted. What is wrong stands at its field.</Notice>
          <ReplayForm destinationId={destination.id} which={which} since={since} until={asked} faults={faults} />
        </ReplayPage>,
        400,
      );
    }
    const { many, isWhole } = await foreseeReplay(c, world, destination.id, { which, since, until });
    const events = `${isWhole ? "" : "at least "}${count(many)} ${many === 1 ? "event" : "events"}`;
    return showPage(
      c,
      <ReplayPage viewer={viewer} destination={destination}>
        <section class={`verdict ${many === 0 ? "verdict-failing" : ""}`} aria-label="What would be sent">
          <p class="verdict-sentence">
            {many === 0 ? (
              <>There is nothing to replay: </>
            ) : (
              <>
                <strong>{events}</strong> would be sent:{" "}
              </>
            )}
            {whichInWords[which]}, received from <Time at={since} /> to <Time at={until} />.
          </p>
          {destination.enabled ? null : <p>The destination is paused: they wait until it is resumed.</p>}
          {many === 0 && isWhole ? null : (
            <Form viewer={viewer} action={destinationActionAddress(destination.id, "replay")}>
              {Object.entries({ which, since, until }).map(([name, value]) => (
                <input type="hidden" name={name} value={String(value)} />
              ))}
              <p class="actions">
                <Button viewer={viewer} kind="main">
                  {`Replay ${events}`}
                </Button>
                <a class="button button-plain" href={destinationAddress(destination.id)}>
                  Leave it
                </a>
              </p>
            </Form>
          )}
        </section>
        <ReplayForm destinationId={destination.id} which={which} since={since} until={asked} />
      </ReplayPage>,
    );
  });

  pages.post("/destinations/:id/replay", async (c) => {
    const id = c.req.param("id");
    await replayDestination(c, world, id, await readForm(c, fields));
    return c.redirect(`${linkTo(destinationAddress(id), { done: "replayed" })}#replays`, 303);
  });
}

interface ReplayPageProps {
  readonly viewer: Viewer;
  readonly destination: DestinationReport;
}

function ReplayPage({ viewer, destination, children }: PropsWithChildren<ReplayPageProps>) {
  return (
    <Page title={`Replay to ${destinationName(destination)}`} viewer={viewer} here={addresses.destinations}>
      {children}
      <p>
        <a href={destinationAddress(destination.id)}>Back to the destination</a>
      </p>
    </Page>
  );
}

/** Undefined for what is none. */
function momentOf(typed: string | undefined): number | undefined {
  return moment.safeParse(typed).data;
}

const SUCH_AS = "Give a moment, such as 2026-11-24T10:05.";

function faultsOf(since: number | undefined, until: number | undefined, now: number): ReplayFaults {
  if (since === undefined) return { since: SUCH_AS };
  if (since > now) return { since: "That lies in the future." };
  if (until === undefined) return { until: SUCH_AS };
  return until > since ? {} : { until: "It has to be after “Received since”." };
}
