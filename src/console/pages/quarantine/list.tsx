import type { QuarantineListing } from "../../../store/quarantine.ts";
import { addresses, quarantinedAddress } from "../../addresses.ts";
import { Confirm, Press } from "../../ui/form.tsx";
import { ShortId, Size, State, Time } from "../../ui/values.tsx";
import { Table } from "../../ui/table.tsx";
import type { Viewer } from "../../requests.ts";
import { reasons } from "./reasons.tsx";

interface ListProps {
  readonly viewer: Viewer;
  readonly rows: readonly QuarantineListing[];
  readonly state: "waiting" | "settled";
}

export function QuarantineList({ viewer, rows, state }: ListProps) {
  return (
    <Table
      caption="Events in quarantine, newest first"
      rows={rows}
      columns={[
        { title: "Event", cell: (row) => <Name row={row} /> },
        {
          title: "Why",
          cell: ({ reason }) => (
            <span>
              <strong>{reasons[reason].short}</strong>: {reasons[reason].brief}
            </span>
          ),
        },
        { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        { title: "Size", kind: "figure", cell: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
        {
          title: state === "waiting" ? "Decide" : "State",
          cell: ({ id }) =>
            state === "waiting" ? (
              <Press viewer={viewer} action={`${quarantinedAddress(id)}/release`} name="back" value="list">
                Release
              </Press>
            ) : (
              <State state="settled" />
            ),
        },
      ]}
    />
  );
}

function Name({ row: { id, eventId } }: { readonly row: QuarantineListing }) {
  return <a href={quarantinedAddress(id)}>{eventId === null ? "No id can be read" : <ShortId id={eventId} />}</a>;
}

/** What an outage leaves behind is no work for one press each. */
export function ReleaseAll({ viewer, rows }: Pick<ListProps, "viewer" | "rows">) {
  const stale = rows.filter(({ reason }) => reason === "timestamp_too_old");
  if (stale.length < 2) return null;
  const all = `all ${stale.length} that are stale on this page`;
  return (
    <Confirm
      viewer={viewer}
      kind="main"
      action={`${addresses.quarantine}/release-shown`}
      label={`Release ${all}`}
      fields={stale.map(({ id }) => ({ name: "id", value: id }))}
    >
      After an outage Qonto's retries come late, and wait here. {stale.length} events would go to the destinations that
      want them, each once; what has come by another way meanwhile is not sent again. Unreadable ones stay.
    </Confirm>
  );
}

/** What to do about each kind that is on the page. */
export function Advice({ rows }: Pick<ListProps, "rows">) {
  const kinds = Object.entries(reasons).filter(([name]) => rows.some(({ reason }) => reason === name));
  return (
    <section class="what-to-do" aria-labelledby="advice">
      <h2 id="advice">What to do</h2>
      {kinds.map(([, { short, why, advice }]) => (
        <p>
          <strong>{short}.</strong> {why} {advice}
        </p>
      ))}
    </section>
  );
}
