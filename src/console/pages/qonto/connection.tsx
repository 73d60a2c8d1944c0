import { notedRefusal } from "../../../connection/refused-types.ts";
import { callbackUrlOf } from "../../../connection/subscription-plan.ts";
import type { Config } from "../../../env.ts";
import type { Connection, ConnectionSubscription } from "../../../store/connections.ts";
import { connectAddress, connectionActionAddress, organizationAddress } from "../../addresses.ts";
import { Button, Confirm, Form, MomentField, Press } from "../../ui/form.tsx";
import { Notice, Section } from "../../ui/layout.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Facts, Names, ShortId, State, Time } from "../../ui/values.tsx";
import { Reconciliation } from "./reconciliation.tsx";

interface ConnectionProps {
  readonly connection: Connection;
}

interface ConnectionSectionProps extends ConnectionProps {
  /** The relay as an application of Qonto's; null when none is set. */
  readonly application: Config["qonto"];
}

/** One organization, how far the relay knows it, and what an operator can do. */
export function ConnectionSection({ connection, application }: ConnectionSectionProps) {
  const { id, status, environment, lastError } = connection;
  return (
    <Section id={id} title={<bdi>{nameOf(connection)}</bdi>}>
      <Ended connection={connection} />
      {lastError === null || status !== "connected" ? null : (
        <Notice kind="bad">
          The last work on this connection failed: <bdi>{lastError}</bdi>
        </Notice>
      )}
      {application === null || application.environment === environment ? null : (
        <Notice kind="bad">
          The relay does nothing for this connection: it is to Qonto's {environment}, and QONTO_ENVIRONMENT is{" "}
          {application.environment}.
        </Notice>
      )}
      <Actions connection={connection} application={application} />
      <About connection={connection} />
      <Subscriptions connection={connection} />
      <Reconciliation connection={connection} />
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

function Ended({ connection: { status } }: ConnectionProps) {
  const why = ended[status];
  if (why === null) return null;
  return (
    <Notice kind="bad">
      {why} Webhooks are verified and delivered as before, but a lost subscription is not restored, and what webhooks
      miss is not found. Connect the organization again.
    </Notice>
  );
}

function About({ connection }: ConnectionProps) {
  const { organizationId, environment, status, endedAt, relayUrl, connectedAt, scopes, reconciledUntil } = connection;
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
        Ended: endedAt === null ? null : <Time at={endedAt} />,
        "Webhooks to": <bdi class="mono">{callbackUrlOf(relayUrl)}</bdi>,
        Scopes: <Names names={scopes} most={20} />,
      }}
    />
  );
}

function Subscriptions({ connection: { subscriptions, status } }: ConnectionProps) {
  const refused = notedRefusal(subscriptions);
  const isAny = (sought: ConnectionSubscription["status"]) => subscriptions.some((one) => one.status === sought);
  return (
    <>
      <h3>Subscriptions</h3>
      {subscriptions.length > 0 ? (
        <Table caption="Subscriptions at Qonto" rows={subscriptions} columns={subscriptionColumns} />
      ) : status === "connected" ? (
        <p class="soft">Not checked yet. The cron checks them within a minute, and then every 15 minutes.</p>
      ) : (
        <p class="soft">Not known.</p>
      )}
      {refused === null ? null : (
        <p class="help">
          Qonto does not take: <Names names={refused.types} most={20} />. The relay tries again once a day. QONTO_TYPES
          names the types to subscribe to.
        </p>
      )}
      {isAny("missing") ? (
        <p class="help">
          The relay creates a missing subscription{" "}
          {status === "connected" ? "when it next checks them." : "once the organization is connected again."}
        </p>
      ) : null}
      {isAny("foreign") ? (
        <p class="help">
          A foreign subscription was made by hand or by another relay. This relay neither changes nor deletes it.
        </p>
      ) : null}
    </>
  );
}

const subscriptionColumns: readonly Column<ConnectionSubscription>[] = [
  { title: "Subscription", cell: ({ id }) => (id === null ? "None" : <ShortId id={id} />) },
  { title: "Status", cell: ({ status }) => <State state={status} /> },
  { title: "Types", cell: ({ types }) => <Names names={types} most={3} /> },
];

function Actions({ connection, application }: ConnectionSectionProps) {
  const { id, status, environment } = connection;
  const isOurs = application?.environment === environment;
  const isConnected = isOurs && status === "connected";
  return (
    <div class="actions">
      {isConnected ? <Reconcile id={id} /> : null}
      {isOurs && !isConnected ? (
        <Press action={connectAddress} kind="main">
          Connect again
        </Press>
      ) : null}
      <Confirm id={`${id}-disconnect`} action={connectionActionAddress(id, "disconnect")} label="Disconnect">
        The relay deletes its tokens of <bdi>{nameOf(connection)}</bdi>
        {isConnected
          ? ", and before them its subscriptions at Qonto, which then sends no more events."
          : ". Its subscriptions at Qonto stay, because it has no access to them."}{" "}
        What the relay has received stays.
      </Confirm>
    </div>
  );
}

function Reconcile({ id }: { readonly id: string }) {
  return (
    <details class="confirm" id={`${id}-reconcile`}>
      <summary class="button button-plain">Reconcile …</summary>
      <Form action={connectionActionAddress(id, "reconcile")}>
        <div class="card stack">
          <MomentField
            label="Changes since"
            name="since"
            id={`${id}-since`}
            value={undefined}
            help="Empty: since the last reconciliation."
          />
          <Button kind="main">Reconcile now</Button>
        </div>
      </Form>
    </details>
  );
}
