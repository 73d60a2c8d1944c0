import { timeOfId } from "../../../platform/sortable-id.ts";
import type { AuditRecord } from "../../../store/audit.ts";
import { addresses } from "../../addresses.ts";
import { Table, linkTo } from "../../ui/table.tsx";
import { Time } from "../../ui/values.tsx";
import { actionInWords } from "./actions.ts";
import { Difference } from "./difference.tsx";
import { Outcome } from "./outcome.tsx";
import { Subject } from "./subject.tsx";

interface ListProps {
  readonly records: readonly AuditRecord[];
  readonly destinations: Parameters<typeof Subject>[0]["destinations"];
}

export function AuditList({ records, destinations }: ListProps) {
  return (
    <Table
      caption="What was done, newest first"
      rows={records}
      columns={[
        {
          title: "What",
          cell: ({ action }) => (
            <bdi class="audit-action" title={action}>
              {actionInWords(action)}
            </bdi>
          ),
        },
        { title: "On what", cell: (record) => <Subject record={record} destinations={destinations} /> },
        {
          title: "Who",
          cell: ({ token }) => (
            <span class="audit-subject">
              <a href={linkTo(addresses.audit, { token })}>
                <bdi>{token}</bdi>
              </a>
            </span>
          ),
        },
        { title: "When", cell: ({ id }) => <Time at={timeOfId(id)} /> },
        { title: "Change", cell: (record) => <Difference {...record} /> },
        { title: "Outcome", cell: ({ outcome }) => <Outcome outcome={outcome} /> },
      ]}
    />
  );
}
