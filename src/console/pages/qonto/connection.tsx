import type { Connection, ConnectionSubscription } from "../../../store/connections.ts";
import { connectAddress, connectionActionAddress, organizationAddress } from "../../addresses.ts";
import { Button, Confirm, Form, MomentField, Press } from "../../ui/form.tsx";
import { Notice, Section } from "../../ui/layout.tsx";
import { Table } from "../../ui/table.tsx";
import { Facts, Names, ShortId, State, Time } from "../../ui/values.tsx";
import { LastReconciliation, Progress } from "./reconciliation.tsx";

interface ConnectionProps {
  readonly connection: Connection;
}

interface ConnectionSectionProps extends ConnectionProps {
  /** Whether the relay has an application at Qonto. */
  readonly canConnect: boolean;
}

/** One organization, how far the relay knows it, and what an operator can do. */
export function ConnectionSection({ connection, canConnect }: ConnectionSectionProps) {
  const { id, status, lastError } = connection;
  return (
    <Section id={id} title={<bdi>{nameOf(connection)}</bdi>}>
      <Ended connection={connection} />
      {lastError === null || status !== "connected" ? null : (
        <Notice kind="bad">
          The last work on this connection failed: <bdi>{lastError}</bdi>
        </Notice>
      )}
      <About connection={connection} />
      <Subscriptions connection={connection} />
      <Reconciliation connection={connection} />
      <Actions connection={connection} canConnect={canConnect} />
    </Section>
  );
}

function nameOf({ organizationName, organizationId }: Connection): string {
  return organizationName ?? organizationId;
}

const ended = {
  connected: null,
  expired: "Qonto does not take the relay's tokens any more.",
  revoked: "The consent was withdrawn at Qonto.",
} as const satisfies Readonly<Record<Connection["status"], string | null>>;

function Ended({ connection: { status, endedAt } }: ConnectionProps) {
  const why = ended[status];
  if (why === null) return null;
  return (
    <Notice kind="bad">
      {why} Webhooks are verified and delivered as before, but a lost subscription is not restored, and what webhooks
      miss is not found. Connect the organization again.
      {endedAt === null ? null : (
        <>
          {" "}
          Since <Time at={endedAt} />.
        </>
      )}
    </Notice>
  );
}

function About({ connection }: ConnectionProps) {
  const { organizationId, environment, status, relayUrl, connectedAt, scopes, reconciledUntil } = connection;
  return (
    <Facts
      facts={{
        Status: <State state={status} />,
        "Complete up to":
          reconciledUntil === null ? "unknown until the first reconciliation has ended" : <Time at={reconciledUntil} />,
        Organization: (
          <a href={organizationAddress(organizationId)}>
            <bdi class="mono">{organizationId}</bdi>
          </a>
        ),
        Environment: environment,
        Connected: <Time at={connectedAt} />,
        "Webhooks to": <bdi class="mono">{`${relayUrl}/webhooks/qonto`}</bdi>,
        Scopes: <Names names={scopes} most={20} />,
      }}
    />
  );
}

function Subscriptions({ connection: { id, subscriptions } }: ConnectionProps) {
  const statuses = subscriptions.map(({ status }) => status);
  return (
    <>
      <h3 id={`${id}-subscriptions`}>Subscriptions</h3>
      {subscriptions.length === 0 ? (
        <p class="soft">Not checked yet. The cron checks them within a minute, then every 15 minutes.</p>
      ) : (
        <Table
          caption="Subscriptions at Qonto"
          rows={subscriptions}
          columns={[
            { title: "Subscription", cell: ({ id: own }) => (own === null ? "none" : <ShortId id={own} />) },
            { title: "Status", cell: ({ status }) => <State state={status} /> },
            { title: "Types", cell: ({ types }) => <Names names={types} most={3} /> },
          ]}
        />
      )}
      {statuses.includes("foreign") ? (
        <p class="help">
          A foreign subscription was made by hand or by another relay. This relay neither changes nor deletes it.
        </p>
      ) : null}
      {statuses.includes("missing") ? (
        <p class="help">The relay creates a missing subscription again when it next checks them.</p>
      ) : null}
    </>
  );
}
