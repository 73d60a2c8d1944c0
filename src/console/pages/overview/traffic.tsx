import { OUTCOMES_CHARTED_AT_MOST } from "../../../store/event-outcomes.ts";
import { Chart, Figure, Figures } from "../../ui/chart.tsx";
import { Time, count, durationInWords } from "../../ui/values.tsx";
import { addresses } from "../../addresses.ts";
import type { OverviewFigures } from "./figures.ts";

const ofHour = [
  { key: "delivered", label: "Delivered", tone: "ok" },
  { key: "pending", label: "Waiting", tone: "wait" },
  { key: "dead", label: "Dead", tone: "bad" },
  { key: "unmatched", label: "Wanted by nobody", tone: "idle" },
] as const;

const ofDay = [
  { key: "accepted", label: "Accepted", tone: "ok" },
  { key: "duplicate", label: "Came again", tone: "idle" },
  { key: "quarantined", label: "Quarantined", tone: "wait" },
  { key: "refused", label: "Refused", tone: "bad" },
] as const;

/** What comes in, what becomes of it, and how fast. */
export function Traffic({ figures, now }: { readonly figures: OverviewFigures; readonly now: number }) {
  const { hour, day, acknowledgement, attempts, ended, oldestWaitingAt, waiting } = figures;
  const inHour = hour.slots.flatMap(({ counts }) => Object.values(counts)).reduce((sum, events) => sum + events, 0);
  return (
    <>
      <section aria-labelledby="flow">
        <h2 id="flow">Flow, last 24 hours</h2>
        <Figures>
          <Figure
            label="Acknowledged within"
            value={showBound(acknowledgement.p99Ms)}
            note={`p99; half of them within ${showBound(acknowledgement.p50Ms)}`}
          />
          <Figure
            label="Deliveries"
            value={count(ended.delivered)}
            note={ended.dead === 0 ? "none given up" : `${count(ended.dead)} given up`}
          />
          <Figure
            label="Attempts that failed"
            value={count(attempts.failed)}
            note={`of ${count(attempts.delivered + attempts.failed)}`}
            {...(attempts.failed > 0 ? { tone: "bad" as const } : {})}
          />
          <Figure
            label="Oldest waiting"
            value={oldestWaitingAt === null ? "none" : durationInWords(now - oldestWaitingAt)}
            note={
              oldestWaitingAt === null ? (
                "nothing is owed"
              ) : (
                <>
                  since <Time at={oldestWaitingAt} />
                </>
              )
            }
          />
          <Figure
            label="Set aside"
            value={count(waiting.quarantined + waiting.deadLetters)}
            note={
              <>
                <a href={addresses.quarantine}>{count(waiting.quarantined)} in quarantine</a>,{" "}
                <a href={addresses.deadLetters}>{count(waiting.deadLetters)} dead letters</a>
              </>
            }
          />
        </Figures>
      </section>
      <div class="pair">
        <section aria-labelledby="hour">
          <h2 id="hour">What became of the last hour</h2>
          <Chart
            id="chart-hour"
            title="Events of the last hour by what became of them"
            series={ofHour}
            slots={hour.slots}
            endsAt={hour.endsAt}
          />
          {inHour < OUTCOMES_CHARTED_AT_MOST ? null : (
            <p class="help">The newest {count(OUTCOMES_CHARTED_AT_MOST)} events are shown.</p>
          )}
        </section>
        <section aria-labelledby="day">
          <h2 id="day">What came in the last day</h2>
          <Chart
            id="chart-day"
            title="Requests of the last day by how they were answered"
            series={ofDay}
            slots={day.slots}
            endsAt={day.endsAt}
          />
          <p class="help">
            What is stale counts as refused, and is kept in quarantine all the same, unless it is known already.
          </p>
        </section>
      </div>
    </>
  );
}

function showBound(ms: number | null): string {
  if (ms === null) return "–";
  return ms === Infinity ? "over 1 s" : `${ms} ms`;
}
