import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses } from "../../addresses.ts";
import { Facts, Time, durationInWords } from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";

/** What the destination is and wants. */
export function Settings({ destination, now }: { readonly destination: DestinationReport; readonly now: number }) {
  const signing = destination.previousSecrets.filter(({ until }) => until > now);
  const [oldest] = signing;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <Facts
        facts={{
          URL: <bdi class="mono">{withoutQuery(destination.url)}</bdi>,
          Types: destination.types.length === 0 ? "all" : <Names names={destination.types} />,
          Organizations: destination.organizations === null ? "all" : <Names names={destination.organizations} />,
          "Waits between attempts": sayWaits(destination.retryScheduleSeconds),
          "Time limit of an attempt": durationInWords(destination.timeoutMs),
          "Most attempts a second": destination.maxPerSecond ?? "no limit",
          Secret:
            oldest === undefined ? (
              "one signs"
            ) : (
              <>
                {signing.length === 1 ? "two sign, the one before" : `${signing.length + 1} sign, the oldest`} until{" "}
                <Time at={oldest.until} />
              </>
            ),
          Added: <Time at={destination.createdAt} />,
          Changed: (
            <>
              <Time at={destination.updatedAt} />,{" "}
              <a href={linkTo(addresses.audit, { subject: destination.id })}>by whom</a>
            </>
          ),
          Id: <bdi class="mono">{destination.id}</bdi>,
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
