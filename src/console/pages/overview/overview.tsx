import type { Counters } from "../../../domain/counters.ts";
import { type Health, judgeHealth } from "../../../api/judge-health.ts";
import { logFailure } from "../../../platform/log.ts";
import { withTimeout } from "../../../platform/timeout.ts";
import { explained } from "../../../store/schema.ts";
import type { World } from "../../../platform/world.ts";
import { Notice, Page } from "../../ui/layout.tsx";
import { State } from "../../ui/values.tsx";
import { type Console, ROOT, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Detail } from "./detail.tsx";
import { type OverviewFigures, readFigures } from "./figures.ts";
import { Ledger } from "./ledger.tsx";
import { Destinations } from "./destinations.tsx";
import { Traffic } from "./traffic.tsx";
import { Verdict } from "./verdict.tsx";

/** The health is shown while D1 says nothing; it is not kept waiting by the rest for longer. */
const FIGURES_TIMEOUT_MS = 5_000;

/** Is it well? */
export function addOverview(pages: Console, world: World, counters: Counters): void {
  pages.get("/", async (c) => {
    const now = world.now();
    const [health, read] = await Promise.all([
      judgeHealth(c.env, now, world),
      withTimeout(readFigures(c.env, counters, now), FIGURES_TIMEOUT_MS, world),
    ]);
    if (read.state === "failed") logFailure("console-overview", await explained(c.env.DB, read.error));
    const figures = read.state === "done" ? read.value : null;
    return showPage(
      c,
      <Page title="Overview" viewer={viewerOf(c)} here={ROOT}>
        <div id="overview" data-live="15">
          <Verdict health={health} figures={figures} />
          {figures === null ? (
            <Notice kind="bad">{sayWhyNone(health)}</Notice>
          ) : (
            <>
              <Traffic figures={figures} now={now} />
              <Destinations destinations={figures.destinations} now={now} />
              <Ledger {...figures.ledger} until={now} />
            </>
          )}
          <Checks health={health} figures={figures} />
        </div>
      </Page>,
    );
  });
}

function sayWhyNone({ checks }: Health): string {
  return checks.database.status === "ok" && checks.schema.status === "degraded"
    ? "The database has no tables for the figures. Every event is refused until it has: Qonto sends it again."
    : "D1 does not give the figures now. Events are received all the same.";
}

const names: Readonly<Record<keyof Health["checks"], string>> = {
  configuration: "Configuration",
  database: "Database",
  schema: "Schema",
  cron: "Cron",
  fan_out: "First attempts",
  deliveries: "Later attempts",
  open_circuits: "Resting destinations",
  dead_letters: "Dead letters",
  secrets: "Secrets",
  storage: "Storage",
};

interface ChecksProps {
  readonly health: Health;
  readonly figures: OverviewFigures | null;
}

function Checks({ health, figures }: ChecksProps) {
  return (
    <section aria-labelledby="checks">
      <h2 id="checks">Health checks</h2>
      <dl class="checks">
        {Object.entries(health.checks).map(([name, { status, detail }]) => (
          <div>
            <dt>
              <State state={status}>{names[name as keyof Health["checks"]]}</State>
            </dt>
            <dd>
              <Detail text={detail} figures={figures} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
