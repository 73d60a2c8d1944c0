import type { Child } from "hono/jsx";
import type { z } from "zod";
import {
  changeDestination,
  existingDestination,
  removeDestination,
  testDestination,
} from "../../../api/actions/destinations.ts";
import { type Counters, sumOf } from "../../../domain/counters.ts";
import { ownDestinationOf } from "../../../api/destination-access.ts";
import type { Attempt } from "../../../domain/delivery.ts";
import { matches } from "../../../domain/destination.ts";
import type { World } from "../../../platform/world.ts";
import {
  COUNTED_AT_MOST,
  backlogOf,
  edgesOf,
  latestAttempt,
  readBacklogRow,
  readEdges,
  readLatestAttempt,
} from "../../../store/destination-deliveries.ts";
import { countsByHour, readCountsOfHour, writeCounters } from "../../../store/counters.ts";
import { batchOf } from "../../../store/batch.ts";
import type { Database } from "../../../store/database.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { readKindRow, recentKinds } from "../../../store/traffic.ts";
import { readReplayRow, replaysOf } from "../../../store/replays.ts";
import { addresses, destinationActionAddress, destinationAddress } from "../../addresses.ts";
import { isOffered } from "../../destination-pages.ts";
import { redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, DOCS, readQuery } from "../../requests.ts";
import { showPage, useOwnDestination, usePage } from "../../show-page.tsx";
import { Chart, Figure, Figures } from "../../ui/chart.tsx";
import { destinationName, hostOf } from "../../../domain/destination-name.ts";
import { scheduleInWords } from "../../ui/destination.tsx";
import { ButtonLink, Press } from "../../ui/form.tsx";
import { Json } from "../../ui/json.tsx";
import { Page, Section } from "../../ui/layout.tsx";
import { Facts, Names, Time, count, ageInWords, durationInWords, maskIbansIn } from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";
import { answerInWords } from "../../words.ts";
import { Deliveries, deliveriesQuery, readDeliveries, remedyOf } from "./deliveries.tsx";
import type { DestinationFacts } from "./diagnose.ts";
import { Diagnosis } from "./diagnosis.tsx";
import { formatNames } from "./format-fields.tsx";
import { ReplayForm, Replays } from "./replay.tsx";

const HOUR_MS = 3_600_000;
const HOURS = 24;

/**
 * Whether a destination gets its events; if not, why, and what to do. Resuming a destination that is not paused retries its
 * pending deliveries now.
 */
export function addDestination(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/:id", (c) => showDestination(c, c.req.param("id"), readQuery(c, deliveriesQuery)));

  // The page itself shows the result of a test, so a reload leads to the page.
  pages.get("/destinations/:id/test", (c) => c.redirect(destinationAddress(c.req.param("id")), 303));
  pages.post("/destinations/:id/test", async (c) => {
    const id = c.req.param("id");
    return showDestination(c, id, {}, await testDestination(c, world, id));
  });

  pages.post("/destinations/:id/pause", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: false });
    return redirectDone(c, destinationAddress(id), "destination-paused");
  });

  pages.post("/destinations/:id/resume", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: true });
    return redirectDone(c, destinationAddress(id), "destination-resumed");
  });

  pages.get("/destinations/:id/delete", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    const backlog = await backlogOf(c.env.DB, destination.id).all();
    return showPage(c, <DeletePage destination={destination} pending={readBacklog(backlog.results).pending} />);
  });

  pages.post("/destinations/:id/delete", async (c) => {
    await removeDestination(c, world, c.req.param("id"));
    return redirectDone(c, addresses.destinations, "destination-deleted");
  });

  async function showDestination(
    c: ConsoleContext,
    id: string,
    asked: z.output<typeof deliveriesQuery>,
    tested?: Attempt,
  ): Promise<Response> {
    const now = world.now();
    const destination = await existingDestination(c, id);
    // The figures include what this isolate has counted and not yet written.
    await writeCounters(c.env.DB, counters, now);
    const [{ facts, replays, day }, deliveries] = await Promise.all([
      readFigures(c.env.DB, destination, now, ownDestinationOf(c) !== null),
      readDeliveries(c.env.DB, destination.id, asked),
    ]);
    return showPage(
      c,
      <Page title={destinationName(destination)} here={addresses.destinations} lead={hostOf(destination.url)}>
        {tested === undefined ? null : <TestResult attempt={tested} destination={destination} />}
        <div id="destination" class="stack" data-live={tested === undefined ? "15" : undefined}>
          <Diagnosis facts={facts} />
          <ActionBar destination={destination} />
          <Attempts facts={facts} day={day} />
          <Deliveries destination={destination} page={deliveries} />
          <Replays replays={replays} />
        </div>
        <ReplayForm destinationId={destination.id} since={now - HOURS * HOUR_MS} />
        <Settings destination={destination} />
      </Page>,
    );
  }
}

/** Makes one D1 call. `isOwnOnly`: what came for others stays unsaid. */
async function readFigures(db: Database, destination: DestinationReport, now: number, isOwnOnly: boolean) {
  const daySince = (Math.floor(now / HOUR_MS) - HOURS + 1) * HOUR_MS;
  const { backlog, latest, edges, kinds, hours, replays } = await batchOf(db, {
    backlog: backlogOf(db, destination.id),
    latest: latestAttempt(db, destination.id),
    edges: edgesOf(db, destination.id),
    kinds: recentKinds(db, Math.max(destination.createdAt, now - HOURS * HOUR_MS)),
    hours: countsByHour(db, daySince),
    replays: replaysOf(db, destination.id),
  });
  const facts: DestinationFacts = {
    destination,
    backlog: readBacklog(backlog.rows),
    latest: latest.rows.map(readLatestAttempt)[0] ?? null,
    ...readEdges(edges.rows[0]),
    kinds: kinds.rows.map(readKindRow).filter((kind) => !isOwnOnly || matches({ ...destination, enabled: true }, kind)),
    now,
  };
  const day = attemptsByHour(hours.rows.map(readCountsOfHour), destination.id, daySince);
  return { facts, replays: replays.rows.map(readReplayRow), day };
}

function readBacklog(rows: readonly unknown[]): DestinationFacts["backlog"] {
  return rows.map(readBacklogRow)[0] ?? { pending: 0, oldestPendingAt: null, dead: 0 };
}

const series = { succeeded: "ok", failed: "bad", "timed out": "wait" } as const;

function attemptsByHour(hours: readonly ReturnType<typeof readCountsOfHour>[], id: string, since: number) {
  return Array.from({ length: HOURS }, (_, hour) => {
    const startsAt = since + hour * HOUR_MS;
    const counts = hours.find((one) => one.startsAt === startsAt)?.counts ?? {};
    const of = (...outcomes: Attempt["outcome"][]) =>
      outcomes.reduce(
        (sum, outcome) => sum + sumOf(counts, "qonto_relay_attempts_total", { destination_id: id, outcome }),
        0,
      );
    return {
      startsAt,
      counts: {
        succeeded: of("delivered"),
        failed: of("rejected", "redirected", "gone", "unreachable", "refused"),
        "timed out": of("timed_out"),
      },
    };
  });
}

interface AttemptsProps {
  readonly facts: DestinationFacts;
  readonly day: ReturnType<typeof attemptsByHour>;
}

function Attempts({ facts: { destination, backlog, now }, day }: AttemptsProps) {
  const sum = (key: keyof typeof series) => day.reduce((all, { counts }) => all + counts[key], 0);
  const failed = sum("failed") + sum("timed out");
  const { oldestPendingAt } = backlog;
  return (
    <Section id="attempts" title="Attempts, last 24 hours">
      <Figures>
        <Figure label="Succeeded" value={count(sum("succeeded"))} note={lastAt(destination.lastSuccessAt)} />
        <Figure
          label="Failed"
          value={count(failed)}
          note={lastAt(destination.lastFailureAt)}
          isBad={failed > 0 && destination.isFailing}
        />
        <Figure
          label="Pending"
          value={count(backlog.pending)}
          note={oldestPendingAt === null ? "none" : `oldest ${ageInWords(now - oldestPendingAt)}`}
        />
        <Figure
          label="Dead"
          value={count(backlog.dead)}
          note={backlog.dead === 0 ? "none" : "can be replayed"}
          isBad={backlog.dead > 0}
        />
      </Figures>
      <Chart
        id="chart-attempts"
        title="Attempts by hour"
        series={series}
        slots={day}
        endsAt={(day[0]?.startsAt ?? now) + HOURS * HOUR_MS}
      />
    </Section>
  );
}

function lastAt(at: number | null): Child {
  if (at === null) return "never";
  return (
    <>
      last <Time at={at} show="relative" />
    </>
  );
}

interface TestResultProps {
  readonly attempt: Attempt;
  readonly destination: DestinationReport;
}

function TestResult({ attempt, destination }: TestResultProps) {
  const isSuccess = attempt.outcome === "delivered";
  const excerpt = maskIbansIn(attempt.responseExcerpt ?? "");
  return (
    <div class={`notice tone-${isSuccess ? "ok" : "bad"}`} role={isSuccess ? "status" : "alert"}>
      {isSuccess ? "The test event was delivered: " : "The test event failed: "}
      {answerInWords(attempt)}. {remedyOf(attempt, destination, usePage().now)}
      {excerpt === "" ? null : (
        <p class="help">
          Response: <bdi class="excerpt">{excerpt}</bdi>
        </p>
      )}
    </div>
  );
}

/** The actions that every destination has. Those that its state calls for stand with the diagnosis. */
function ActionBar({ destination: { id, enabled } }: { readonly destination: DestinationReport }) {
  return (
    <div class="actions">
      <ButtonLink href={destinationActionAddress(id, "edit")}>Edit</ButtonLink>
      {enabled ? <Press action={destinationActionAddress(id, "pause")}>Pause</Press> : null}
      <ButtonLink href={destinationActionAddress(id, "rotate")}>Rotate secret</ButtonLink>
      <ButtonLink href="#replay">Replay</ButtonLink>
      <ButtonLink href={destinationActionAddress(id, "delete")} kind="danger">
        Delete
      </ButtonLink>
    </div>
  );
}

function Settings({ destination }: { readonly destination: DestinationReport }) {
  const {
    id,
    url,
    types,
    organizations,
    filter,
    retryScheduleSeconds,
    timeoutMs,
    maxPerSecond,
    format,
    template,
    headerNames,
  } = destination;
  const own = useOwnDestination();
  return (
    <Section id="settings" title="Settings">
      <Facts
        facts={{
          URL: <bdi class="mono">{withoutQuery(url)}</bdi>,
          Types: types.length === 0 ? "all" : <Names names={types} most={20} />,
          Organizations: organizations === null ? "all" : <Names names={organizations} most={20} />,
          Filter: filter === null ? "none" : <Json value={filter.json} label="Filter" />,
          "Retry schedule": scheduleInWords(retryScheduleSeconds),
          Timeout: durationInWords(timeoutMs),
          "Rate limit": maxPerSecond === null ? "none" : `${maxPerSecond} a second`,
          Format: formatNames[format],
          Template: template === null ? null : <pre>{template}</pre>,
          Headers: headerNames.length === 0 ? null : <Names names={headerNames} most={20} />,
          Secrets: <Secrets destination={destination} />,
          Added: <Time at={destination.createdAt} />,
          Changed: (
            <>
              <Time at={destination.updatedAt} />
              {isOffered(own, "look", addresses.audit) ? (
                <>
                  , <a href={linkTo(addresses.audit, { subject: id })}>audit trail</a>
                </>
              ) : null}
            </>
          ),
          Id: <bdi class="mono">{id}</bdi>,
          "For its developers": <a href={DOCS}>{DOCS}</a>,
        }}
      />
    </Section>
  );
}

function Secrets({ destination }: { readonly destination: DestinationReport }) {
  const { now } = usePage();
  const old = destination.previousSecrets.filter(({ until }) => until > now);
  const [oldest] = old;
  if (oldest === undefined) return <>1 active</>;
  return (
    <>
      {old.length + 1} active, the oldest until <Time at={oldest.until} />
    </>
  );
}

/** A query can hold a secret. */
function withoutQuery(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  return `${url.origin}${url.pathname}${url.search === "" ? "" : "?…"}`;
}

function DeletePage({ destination, pending }: { readonly destination: DestinationReport; readonly pending: number }) {
  const { id, enabled } = destination;
  return (
    <Page title={`Delete ${destinationName(destination)}?`} here={addresses.destinations}>
      <p>
        It gets no more events. {sayPending(pending)} Past deliveries stay in the history of each event. This cannot be
        undone. To stop deliveries for a while, pause the destination instead.
      </p>
      <div class="actions">
        <Press action={destinationActionAddress(id, "delete")} kind="danger">
          Delete destination
        </Press>
        {enabled ? <Press action={destinationActionAddress(id, "pause")}>Pause instead</Press> : null}
        <ButtonLink href={destinationAddress(id)}>Cancel</ButtonLink>
      </div>
    </Page>
  );
}

function sayPending(pending: number): string {
  if (pending === 0) return "It has no pending deliveries.";
  if (pending === 1) return "Its 1 pending delivery ends as dead.";
  return `Its ${count(pending)}${pending >= COUNTED_AT_MOST ? " or more" : ""} pending deliveries end as dead.`;
}
