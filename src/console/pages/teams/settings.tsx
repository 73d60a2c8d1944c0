import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses } from "../../addresses.ts";
import { Facts } from "../../components/facts.tsx";
import { linkTo } from "../../components/filters.tsx";
import { Time, durationInWords } from "../../components/time.tsx";

/** What the team is and wants. */
export function Settings({ team, now }: { readonly team: DestinationReport; readonly now: number }) {
  const signing = team.previousSecrets.filter(({ until }) => until > now);
  const [oldest] = signing;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <Facts
        facts={{
          URL: <bdi class="mono">{withoutQuery(team.url)}</bdi>,
          Types: team.types.length === 0 ? "all" : <Names names={team.types} />,
          Organizations: team.organizations === null ? "all" : <Names names={team.organizations} />,
          "Waits between attempts": sayWaits(team.retryScheduleSeconds),
          "Time limit of an attempt": durationInWords(team.timeoutMs),
          "Most attempts a second": team.maxPerSecond ?? "no limit",
          Secret:
            oldest === undefined ? (
              "one signs"
            ) : (
              <>
                {signing.length === 1 ? "two sign, the one before" : `${signing.length + 1} sign, the oldest`} until{" "}
                <Time at={oldest.until} />
              </>
            ),
          Added: <Time at={team.createdAt} />,
          Changed: (
            <>
              <Time at={team.updatedAt} />, <a href={linkTo(addresses.audit, { subject: team.id })}>by whom</a>
            </>
          ),
          Id: <bdi class="mono">{team.id}</bdi>,
        }}
      />
    </section>
  );
}

function sayWaits(seconds: readonly number[] | null): string {
  if (seconds === null) return "5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h";
  return seconds.map((one) => durationInWords(one * 1000)).join(", ") || "none: one attempt";
}

const NAMED = 20;

function Names({ names }: { readonly names: readonly string[] }) {
  return (
    <>
      {names.slice(0, NAMED).map((name, index) => (
        <>
          {index === 0 ? null : ", "}
          <bdi class="mono">{name}</bdi>
        </>
      ))}
      {names.length > NAMED ? ` and ${names.length - NAMED} more` : null}
    </>
  );
}

/** A query can hold a secret, and this page is shown around. */
function withoutQuery(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  return `${url.origin}${url.pathname}${url.search === "" ? "" : "?…"}`;
}
