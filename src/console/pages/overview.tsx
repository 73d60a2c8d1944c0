import type { Counters } from "../../domain/counters.ts";
import type { Health } from "../../domain/health.ts";
import { QONTO_PAGE, judgeHealth } from "../../health/judge-health.ts";
import { logFailure } from "../../platform/log.ts";
import { withTimeout } from "../../platform/timeout.ts";
import type { World } from "../../platform/world.ts";
import { OUTCOMES_CHARTED_AT_MOST } from "../../store/traffic.ts";
import { describeSchemaFault } from "../../store/schema.ts";
import { addresses, newDestinationAddress } from "../addresses.ts";
import { type Console, ROOT } from "../requests.ts";
import { showPage, usePage } from "../show-page.tsx";
import { Chart, Figure, Figures } from "../ui/chart.tsx";
import { DestinationLink, DestinationTable, Failing, countPaused, failingDestinations } from "../ui/destination.tsx";
import { Notice, Page, Section } from "../ui/layout.tsx";
import { EmptyState } from "../ui/table.tsx";
import { State, Time, count, counted, ageInWords, toneOf } from "../ui/values.tsx";
import { type OverviewFigures, readFigures } from "./overview-figures.ts";

/** While D1 is slow the page shows the health and no figures. */
const FIGURES_TIMEOUT_MS = 5_000;

/** Is the relay healthy? */
export function addOverview(pages: Console, world: World, counters: Counters): void {
  pages.get("/", async (c) => {
    const now = world.now();
    const [health, read] = await Promise.all([
      judgeHealth(c.env, now, world),
      withTimeout(readFigures(c.env, counters, now), FIGURES_TIMEOUT_MS, world),
    ]);
    if (read.state === "failed")
      logFailure("console", await describeSchemaFault(c.env.DB, read.error), { message: "overview.read_failed" });
    const figures = read.state === "done" ? read.value : null;
    return showPage(
      c,
      <Page title="Overview" here={ROOT} failing={failingDestinations(figures?.destinations ?? []).length}>
        <div id="overview" class="stack" data-live="15">
          <RelayState health={health} figures={figures} />
          {figures === null ? (
            <Notice kind="bad">{whyNoFigures(health)}</Notice>
          ) : (
            <>
              <Traffic figures={figures} />
              <Destinations destinations={figures.destinations} />
              <Ledger {...figures.ledger} />
            </>
          )}
          <Checks health={health} figures={figures} />
        </div>
      </Page>,
    );
  });
}

function whyNoFigures({ checks }: Health): string {
  return checks.database.status === "ok" && checks.schema.status === "degraded"
    ? "The database lacks tables. Every event is refused until it has them; Qonto sends it again."
    : "D1 does not give the figures now. Events are received all the same.";
}

interface HealthProps {
  readonly health: Health;
  /** Null while D1 does not give them. */
  readonly figures: OverviewFigures | null;
}

/** The state in one sentence, and every check that fails. */
function RelayState({ health, figures }: HealthProps) {
  const faults = Object.values(health.checks).filter(({ status }) => status === "degraded");
  const destinations = figures?.destinations ?? [];
  const state = faults.length > 0 ? "degraded" : failingDestinations(destinations).length > 0 ? "failing" : "healthy";
  return (
    <section class={`banner tone-${toneOf(state)}`} aria-label="State of the relay">
      <p class="banner-sentence">
        <State state={state} />{" "}
        {state === "degraded" ? (
          "A health check fails."
        ) : state === "failing" ? (
          <>
            Events are stored, but <Failing destinations={destinations} />
          </>
        ) : (
          healthySentence(figures)
        )}
      </p>
      {faults.length === 0 ? null : (
        <ul>
          {[...new Set(faults.map(({ detail }) => detail))].map((detail) => (
            <li>
              <Detail text={detail} figures={figures} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function healthySentence(figures: OverviewFigures | null): string {
  if (figures === null) return "Events are received.";
  const all = figures.destinations.length;
  if (all === 0) return "The relay is ready. There are no destinations yet.";
  if (figures.ledger.ledger.received === 0) return "The relay is ready. No events in the last 24 hours.";
  const paused = countPaused(figures.destinations);
  if (paused === 0) return "Events arrive and are delivered.";
  if (paused === all) return `Events are stored, but ${all === 1 ? "the destination" : "every destination"} is paused.`;
  return `Events arrive and are delivered. ${paused} of ${all} destinations ${paused === 1 ? "is" : "are"} paused.`;
}

/** What a text of the health names. */
const named = new RegExp(String.raw`\b(dst_\w+|${QONTO_PAGE})`);

/** The health is public: it knows destinations by id, and pages by name. Here they have names and links. */
function Detail({ text, figures }: { readonly text: string; readonly figures: OverviewFigures | null }) {
  return (
    <>
      {text.split(named).map((part) => {
        if (part === QONTO_PAGE) return <a href={addresses.qonto}>the page Qonto</a>;
        const destination = figures?.destinations.find(({ id }) => id === part);
        return destination === undefined ? part : <DestinationLink destination={destination} />;
      })}
    </>
  );
}

function Traffic({ figures }: { readonly figures: OverviewFigures }) {
  const { hour, day, acknowledgement, attempts, ended, oldestPendingAt, waiting } = figures;
  const inHour = hour.slots.flatMap(({ counts }) => Object.values(counts)).reduce((sum, events) => sum + events, 0);
  return (
    <>
      <Section id="flow" title="Last 24 hours and now">
        <Figures>
          <Figure
            label="Acknowledged in"
            value={boundInWords(acknowledgement.p99Ms)}
            note={`p99; median ${boundInWords(acknowledgement.p50Ms)}`}
          />
          <Figure label="Delivered" value={count(ended.delivered)} note={`${count(ended.dead)} dead`} />
          <Figure
            label="Failed attempts"
            value={count(attempts.failed)}
            note={`of ${count(attempts.delivered + attempts.failed)}`}
            isBad={attempts.failed > 0}
          />
          <Figure
            label="Oldest pending"
            value={oldestPendingAt === null ? "none" : ageInWords(usePage().now - oldestPendingAt)}
            note={
              oldestPendingAt === null ? (
                "no pending deliveries"
              ) : (
                <>
                  since <Time at={oldestPendingAt} />
                </>
              )
            }
          />
          <Figure
            label="Quarantine"
            value={count(waiting.quarantined)}
            note={<a href={addresses.quarantine}>Decide</a>}
          />
          <Figure
            label="Dead letters"
            value={count(waiting.deadLetters)}
            note={<a href={addresses.deadLetters}>Replay</a>}
          />
        </Figures>
      </Section>
      <div class="pair">
        <Section id="hour" title="Events, last hour">
          <Chart
            id="chart-hour"
            title="Events of the last hour by state"
            series={{ delivered: "ok", pending: "wait", dead: "bad", unmatched: "idle" }}
            {...hour}
          />
          {inHour < OUTCOMES_CHARTED_AT_MOST ? null : (
            <p class="help">The newest {count(OUTCOMES_CHARTED_AT_MOST)} events are shown.</p>
          )}
        </Section>
        <Section id="day" title="Requests, last 24 hours">
          <Chart
            id="chart-day"
            title="Requests of the last 24 hours by answer"
            series={{ accepted: "ok", duplicate: "idle", quarantined: "wait", refused: "bad" }}
            {...day}
          />
          <p class="help">A stale event counts as refused. It is in quarantine unless it is known already.</p>
        </Section>
      </div>
    </>
  );
}

/** A percentile of a histogram is known by its bucket's upper bound. */
function boundInWords(ms: number | null): string {
  if (ms === null) return "–";
  return ms === Infinity ? "> 1 s" : `≤ ${ms} ms`;
}

function Destinations({ destinations }: Pick<OverviewFigures, "destinations">) {
  return (
    <Section id="destinations" title={<a href={addresses.destinations}>Destinations</a>}>
      {destinations.length === 0 ? (
        <EmptyState title="No destinations yet">
          <a href={newDestinationAddress}>Add the first destination</a>: its URL and the event types it gets.
        </EmptyState>
      ) : (
        <DestinationTable destinations={destinations} />
      )}
    </Section>
  );
}

/** Every event is in exactly one state, which the equation shows. */
const equation = [
  ["", "received"],
  ["=", "settled"],
  ["+", "pending"],
  ["+", "unmatched"],
  ["+", "quarantined"],
] as const;

function Ledger({ ledger, isBalanced, since }: OverviewFigures["ledger"]) {
  return (
    <Section id="ledger" title="Ledger">
      <p class="cluster">
        {equation.map(([sign, term]) => (
          <>
            {sign === "" ? null : <span class="soft">{sign}</span>}
            <span class="term">
              <strong>{count(ledger[term])}</strong> {term}
            </span>
          </>
        ))}
      </p>
      <p class="help">
        <State state={isBalanced ? "ok" : "degraded"}>{isBalanced ? "Balanced" : "Not balanced"}</State>, with the
        deliveries of each destination, from <Time at={since} /> to <Time at={usePage().now} />.{" "}
        {counted(ledger.duplicates, "duplicate is", "duplicates are")} counted beside it.
      </p>
    </Section>
  );
}

/** The titles of checks whose names do not say what they look at. */
const checkTitles: Readonly<Record<string, string>> = {
  fan_out: "First attempts",
  deliveries: "Retries",
} satisfies Partial<Record<keyof Health["checks"], string>>;

function Checks({ health, figures }: HealthProps) {
  return (
    <Section id="checks" title="Health checks">
      <dl class="grid">
        {Object.entries(health.checks).map(([name, { status, detail }]) => (
          <div>
            <dt>
              <State state={status}>{checkTitles[name] ?? name.replaceAll("_", " ")}</State>
            </dt>
            <dd>
              <Detail text={detail} figures={figures} />
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
