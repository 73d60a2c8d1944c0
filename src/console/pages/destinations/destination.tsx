import type { Child } from "hono/jsx";
import type { z } from "zod";
import { existingDestination } from "../../../api/actions/destinations.ts";
import { testDestination } from "../../../api/actions/destinations.ts";
import { type Counters, sumOf } from "../../../domain/counters.ts";
import type { Attempt } from "../../../domain/delivery.ts";
import type { World } from "../../../platform/world.ts";
import {
  backlogOf,
  readBacklogRow,
  edgesOf,
  latestAttempt,
  readEdges,
  readLatestAttempt,
} from "../../../store/destination-deliveries.ts";
import { countsByHour, readCountsOfHour, writeCounters } from "../../../store/counters.ts";
import type { Database } from "../../../store/database.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { readKindRow, recentKinds } from "../../../store/traffic.ts";
import { readReplayRow, replaysOf } from "../../../store/replays.ts";
import { addresses, destinationAddress } from "../../addresses.ts";
import { type Console, type ConsoleContext, DOCS, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { Chart, Figure, Figures } from "../../ui/chart.tsx";
import { destinationName, hostOf } from "../../ui/destination.tsx";
import { Page } from "../../ui/layout.tsx";
import { Facts, Names, Time, count, durationInWords, maskIbansIn } from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";
import { ActionBar } from "./actions.tsx";
import { answerInWords } from "../../words.ts";
import { Deliveries, deliveriesQuery, readDeliveries, remedyOf } from "./deliveries.tsx";
import type { DestinationFacts } from "./diagnose.ts";
import { Diagnosis } from "./diagnosis.tsx";
import { scheduleInWords } from "./form.tsx";
import { ReplayForm, Replays } from "./replay.tsx";

const HOUR_MS = 3_600_000;
const HOURS = 24;

const query = deliveriesQuery.strict();

/** Whether a destination gets its events; if not, why, and what to do. */
export function addDestination(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/:id", (c) => showDestination(c, c.req.param("id"), readQuery(c, query)));

  // The page itself shows the result of a test, so a reload leads to the page.
  pages.get("/destinations/:id/test", (c) => c.redirect(destinationAddress(c.req.param("id")), 303));
  pages.post("/destinations/:id/test", async (c) => {
    const id = c.req.param("id");
    return showDestination(c, id, {}, await testDestination(c, world, id));
  });

  async function showDestination(
    c: ConsoleContext,
    id: string,
    asked: z.output<typeof query>,
    tested?: Attempt,
  ): Promise<Response> {
    const now = world.now();
    const destination = await existingDestination(c, id);
    // The figures include what this isolate has counted and not yet written.
    await writeCounters(c.env.DB, counters, now);
    const [{ facts, replays, day }, deliveries] = await Promise.all([
      readFigures(c.env.DB, destination, now),
      readDeliveries(c.env.DB, destination.id, asked),
    ]);
    const listQuery = { show: asked.show, cursor: c.req.query("cursor") };
    return showPage(
      c,
      <Page title={destinationName(destination)} here={addresses.destinations} lead={hostOf(destination.url)}>
        {tested === undefined ? null : <TestResult attempt={tested} destination={destination} now={now} />}
        <div id="destination" class="stack" data-live={tested === undefined ? "15" : undefined}>
          <Diagnosis facts={facts} />
          <ActionBar destination={destination} />
          <Attempts facts={facts} day={day} />
          <Deliveries destination={destination} now={now} query={listQuery} page={deliveries} />
          <Replays replays={replays} />
        </div>
        <ReplayForm destinationId={destination.id} since={now - HOURS * HOUR_MS} />
        <Settings destination={destination} now={now} />
      </Page>,
    );
  }
}

/** Makes one D1 call. */
async function readFigures(db: Database, destination: DestinationReport, now: number) {
  const daySince = (Math.floor(now / HOUR_MS) - HOURS + 1) * HOUR_MS;
  const [backlog, latest, edges, kinds, hours, replays] = await db.batch([
    backlogOf(db, destination.id),
    latestAttempt(db, destination.id),
    edgesOf(db, destination.id),
    recentKinds(db, Math.max(destination.createdAt, now - HOURS * HOUR_MS)),
    countsByHour(db, daySince),
    replaysOf(db, destination.id),
  ]);
  const facts: DestinationFacts = {
    destination,
    backlog: (backlog?.results ?? []).map(readBacklogRow)[0] ?? { pending: 0, oldestPendingAt: null, dead: 0 },
    latest: (latest?.results ?? []).map(readLatestAttempt)[0] ?? null,
    ...readEdges(edges?.results[0]),
    kinds: (kinds?.results ?? []).map(readKindRow),
    now,
  };
  return {
    facts,
    replays: (replays?.results ?? []).map(readReplayRow),
    day: attemptsByHour((hours?.results ?? []).map(readCountsOfHour), destination.id, daySince),
  };
}

const series = [
  { key: "succeeded", label: "Succeeded", tone: "ok" },
  { key: "failed", label: "Failed", tone: "bad" },
  { key: "timedOut", label: "Timed out", tone: "wait" },
] as const;

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
        timedOut: of("timed_out"),
      },
    };
  });
}

interface AttemptsProps {
  readonly facts: DestinationFacts;
  readonly day: ReturnType<typeof attemptsByHour>;
}

function Attempts({ facts: { destination, backlog, now }, day }: AttemptsProps) {
  const sum = (key: (typeof series)[number]["key"]) => day.reduce((all, { counts }) => all + counts[key], 0);
  const failed = sum("failed") + sum("timedOut");
  const { oldestPendingAt } = backlog;
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts, last 24 hours</h2>
      <Figures>
        <Figure label="Succeeded" value={count(sum("succeeded"))} note={lastAt(destination.lastSuccessAt)} />
        <Figure
          label="Failed"
          value={count(failed)}
          note={lastAt(destination.lastFailureAt)}
          {...(failed > 0 && destination.isFailing ? { tone: "bad" as const } : {})}
        />
        <Figure
          label="Pending"
          value={count(backlog.pending)}
          note={oldestPendingAt === null ? "none" : `oldest ${durationInWords(now - oldestPendingAt)}`}
        />
        <Figure
          label="Dead"
          value={count(backlog.dead)}
          note={backlog.dead === 0 ? "none" : "can be replayed"}
          {...(backlog.dead > 0 ? { tone: "bad" as const } : {})}
        />
      </Figures>
      <Chart
        id="chart-attempts"
        title="Attempts by hour"
        series={series}
        slots={day}
        endsAt={(day[0]?.startsAt ?? now) + HOURS * HOUR_MS}
      />
    </section>
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
  readonly now: number;
}

function TestResult({ attempt, destination, now }: TestResultProps) {
  const isSuccess = attempt.outcome === "delivered";
  const excerpt = maskIbansIn(attempt.responseExcerpt ?? "");
  return (
    <div class={`notice tone-${isSuccess ? "ok" : "bad"}`} role={isSuccess ? "status" : "alert"}>
      {isSuccess ? "The test event was delivered: " : "The test event failed: "}
      {answerInWords(attempt)}. {remedyOf(attempt, destination, now)}
      {excerpt === "" ? null : (
        <p class="help">
          Response: <bdi class="excerpt">{excerpt}</bdi>
        </p>
      )}
    </div>
  );
}

function Settings({ destination, now }: { readonly destination: DestinationReport; readonly now: number }) {
  const { id, url, types, organizations, retryScheduleSeconds, timeoutMs, maxPerSecond } = destination;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <Facts
        facts={{
          URL: <bdi class="mono">{withoutQuery(url)}</bdi>,
          Types: types.length === 0 ? "all" : <Names names={types} most={20} />,
          Organizations: organizations === null ? "all" : <Names names={organizations} most={20} />,
          "Retry schedule": scheduleInWords(retryScheduleSeconds),
          Timeout: durationInWords(timeoutMs),
          "Rate limit": maxPerSecond === null ? "none" : `${maxPerSecond} a second`,
          Secrets: <Secrets destination={destination} now={now} />,
          Added: <Time at={destination.createdAt} />,
          Changed: (
            <>
              <Time at={destination.updatedAt} />, <a href={linkTo(addresses.audit, { subject: id })}>audit trail</a>
            </>
          ),
          Id: <bdi class="mono">{id}</bdi>,
          "For its developers": <a href={DOCS}>{DOCS}</a>,
        }}
      />
    </section>
  );
}

function Secrets({ destination, now }: { readonly destination: DestinationReport; readonly now: number }) {
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
