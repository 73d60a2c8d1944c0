import { Chart, Figure, Figures } from "../../ui/chart.tsx";
import { Time, count, durationInWords } from "../../ui/values.tsx";
import type { DestinationFigures } from "./destination-figures.ts";

const series = [
  { key: "delivered", label: "Taken", tone: "ok" },
  { key: "refused", label: "Answered otherwise", tone: "bad" },
  { key: "unanswered", label: "No answer", tone: "wait" },
] as const;

/** How the destination fares, and its attempts of the last day. */
export function DestinationChart({ figures: { facts, day } }: { readonly figures: DestinationFigures }) {
  const { destination, backlog, now } = facts;
  const sum = (key: (typeof series)[number]["key"]) => day.slots.reduce((all, { counts }) => all + counts[key], 0);
  const failed = sum("refused") + sum("unanswered");
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts, last 24 hours</h2>
      <Figures>
        <Figure label="Taken" value={count(sum("delivered"))} note={lastAt(destination.lastSuccessAt, "last")} />
        <Figure
          label="Failed"
          value={count(failed)}
          note={lastAt(destination.lastFailureAt, "last")}
          {...(failed > 0 && destination.isFailing ? { tone: "bad" as const } : {})}
        />
        <Figure
          label="Waiting"
          value={count(backlog.pending)}
          note={
            backlog.oldestPendingAt === null
              ? "nothing is owed"
              : `the oldest for ${durationInWords(now - backlog.oldestPendingAt)}`
          }
        />
        <Figure
          label="Given up"
          value={count(backlog.dead)}
          note={backlog.dead === 0 ? "nothing was" : "to be replayed"}
          {...(backlog.dead > 0 ? { tone: "bad" as const } : {})}
        />
      </Figures>
      <Chart
        id="chart-attempts"
        title="Attempts of the last day by what came of them"
        series={series}
        slots={day.slots}
        endsAt={day.endsAt}
      />
    </section>
  );
}

function lastAt(at: number | null, word: string) {
  if (at === null) return "never yet";
  return (
    <>
      {word} at <Time at={at} show="moment" />
    </>
  );
}
