import type { Child } from "hono/jsx";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses } from "../../addresses.ts";
import { linkTo } from "../../components/filters.tsx";
import { Time, durationInWords } from "../../components/time.tsx";

/** What the team is and wants. */
export function Settings({ team, now }: { readonly team: DestinationReport; readonly now: number }) {
  const signing = team.previousSecrets.filter(({ until }) => until > now).at(-1);
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <dl class="settings">
        <Setting title="URL">
          <bdi class="mono">{withoutQuery(team.url)}</bdi>
        </Setting>
        <Setting title="Types">{team.types.length === 0 ? "all" : <Names names={team.types} />}</Setting>
        <Setting title="Organizations">
          {team.organizations === null ? "all" : <Names names={team.organizations} />}
        </Setting>
        <Setting title="Waits between attempts">
          {team.retryScheduleSeconds === null
            ? "5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h"
            : team.retryScheduleSeconds.map((seconds) => durationInWords(seconds * 1000)).join(", ") || "none"}
        </Setting>
        <Setting title="Time limit of an attempt">{durationInWords(team.timeoutMs)}</Setting>
        <Setting title="Most attempts a second">{team.maxPerSecond ?? "no limit"}</Setting>
        <Setting title="Secret">
          {signing === undefined ? (
            "one signs"
          ) : (
            <>
              two sign, the one before until <Time at={signing.until} />
            </>
          )}
        </Setting>
        <Setting title="Added">
          <Time at={team.createdAt} />
        </Setting>
        <Setting title="Changed">
          <Time at={team.updatedAt} />, <a href={linkTo(addresses.audit, { subject: team.id })}>by whom</a>
        </Setting>
        <Setting title="Id">
          <bdi class="mono">{team.id}</bdi>
        </Setting>
      </dl>
    </section>
  );
}

function Setting({ title, children }: { readonly title: string; readonly children?: Child }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
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
