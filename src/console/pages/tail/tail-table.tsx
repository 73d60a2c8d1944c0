import { isAttempt } from "../../../domain/delivery.ts";
import type { DeliverySummary, FoundEvent } from "../../../store/event-search.ts";
import type { ListedTeam } from "../../../store/team-list.ts";
import { State } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import { TeamLink } from "../../components/team-link.tsx";
import { Time } from "../../components/time.tsx";
import { EventCell, OrganizationCell, outcomeWords } from "../events/cells.tsx";
import { attemptWords } from "../events/delivery-step.tsx";
import { ShortId } from "../../components/short-id.tsx";

interface TailTableProps {
  readonly events: readonly FoundEvent[];
  readonly teams: readonly ListedTeam[];
}

export function TailTable({ events, teams }: TailTableProps) {
  const byId = new Map(teams.map((team) => [team.id, team]));
  return (
    <Table
      caption="The newest events, and what each team made of them"
      rows={events}
      columns={[
        { title: "Event", cell: (event) => <EventCell event={event} /> },
        { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        { title: "Organization", cell: (event) => <OrganizationCell event={event} /> },
        { title: "What became of it", cell: (event) => <Outcome event={event} teams={byId} /> },
      ]}
    />
  );
}

/** Teams that one row names; the event's own page names all. */
const MOST_NAMED = 6;

function Outcome({ event, teams }: { readonly event: FoundEvent; readonly teams: ReadonlyMap<string, ListedTeam> }) {
  const { outcome, deliveries } = event;
  if (deliveries.length === 0) {
    return <State state={outcome}>{outcome === "pending" ? "on its way" : outcomeWords[outcome]}</State>;
  }
  // Trouble first, for not all may have room.
  const byTrouble = deliveries.toSorted((one, other) => rank[one.status] - rank[other.status]);
  return (
    <ul class="tail-teams">
      {byTrouble.slice(0, MOST_NAMED).map((delivery) => (
        <li>
          <State state={delivery.status}>{delivery.status === "pending" ? "waiting" : delivery.status}</State>{" "}
          <TeamName id={delivery.destinationId} team={teams.get(delivery.destinationId)} />{" "}
          <span class="event-type">{sayLast(delivery)}</span>
        </li>
      ))}
      {deliveries.length <= MOST_NAMED ? null : <li class="event-type">and {deliveries.length - MOST_NAMED} more</li>}
    </ul>
  );
}

const rank = { dead: 0, pending: 1, delivered: 2 } as const;

function TeamName({ id, team }: { readonly id: string; readonly team: ListedTeam | undefined }) {
  return team === undefined ? <ShortId id={id} /> : <TeamLink team={team} />;
}

function sayLast({ attempt, outcome, httpStatus }: DeliverySummary): string {
  if (attempt === null || outcome === null) return "no attempt yet";
  const answer = httpStatus === null ? attemptWords[outcome] : String(httpStatus);
  return attempt === 1 || !isAttempt({ outcome }) ? answer : `${answer}, attempt ${attempt}`;
}
