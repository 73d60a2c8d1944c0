import { z } from "zod";
import { connectionContext, reconcileConnection, removeConnection } from "../../../api/actions/connections.ts";
import { beginAuthorization } from "../../../connection/authorize.ts";
import { type Config, readConfig } from "../../../env.ts";
import type { World } from "../../../platform/world.ts";
import { type Connection, listConnections } from "../../../store/connections.ts";
import { addresses, callbackAddress, connectAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import { goOn } from "../../go-on.ts";
import { type Console, readForm } from "../../requests.ts";
import { keepAuthorization } from "../../session/authorization.ts";
import { showPage } from "../../show-page.tsx";
import { Press, moment } from "../../ui/form.tsx";
import { Bare, Page } from "../../ui/layout.tsx";
import { EmptyState } from "../../ui/table.tsx";
import { Application, SetUp } from "./application.tsx";
import { ConnectionSection } from "./connection.tsx";

const reconcileForm = z.object({ since: moment.optional() });

/** The organizations that are connected to Qonto, and what the relay does there for them. */
export function addQonto(pages: Console, world: World): void {
  pages.get("/qonto", async (c) => {
    const connections = await listConnections(c.env.DB);
    const { origin } = new URL(c.req.url);
    return showPage(
      c,
      <Page
        title="Qonto"
        here={addresses.qonto}
        lead="Connect an organization once. The relay then keeps its subscription, and finds by itself what webhooks missed."
      >
        <Content config={readConfig(c.env)} connections={connections} origin={origin} />
      </Page>,
    );
  });

  pages.post("/qonto/connect", async (c) => {
    const context = connectionContext(c, world);
    const credential = c.get("credential");
    if (credential === undefined) throw new Error("An authorization of nobody");
    const owner = await keepAuthorization(c, context.config, credential, world);
    const redirectUri = new URL(c.req.url).origin + callbackAddress;
    const { url } = await beginAuthorization(context, { redirectUri, owner });
    return goOn(
      c,
      url,
      <Bare title="Connect an organization">
        <p>
          Qonto asks for your consent on <a href={url}>its own page</a>, to which the browser goes on.
        </p>
      </Bare>,
    );
  });

  pages.post("/qonto/:id/reconcile", async (c) => {
    const { since = null } = await readForm(c, reconcileForm);
    await reconcileConnection(c, world, c.req.param("id"), since);
    return redirectDone(c, addresses.qonto, "reconciliation-requested");
  });

  pages.post("/qonto/:id/disconnect", async (c) => {
    await removeConnection(c, world, c.req.param("id"));
    return redirectDone(c, addresses.qonto, "connection-removed");
  });
}

interface ContentProps {
  readonly config: Config;
  readonly connections: readonly Connection[];
  /** Of the relay, as the browser knows it. */
  readonly origin: string;
}

function Content({ config, connections, origin }: ContentProps) {
  const { qonto } = config;
  const isNone = connections.length === 0;
  return (
    <>
      {qonto === null ? <SetUp faults={config.faults} origin={origin} /> : null}
      {qonto !== null && isNone ? (
        <EmptyState title="No organization is connected">
          Qonto asks you to log in and to choose the organization, then leads you back here.
        </EmptyState>
      ) : null}
      {qonto === null ? null : (
        <div class="actions">
          <Press action={connectAddress} kind={isNone ? "main" : "plain"}>
            {isNone ? "Connect an organization" : "Connect another organization"}
          </Press>
        </div>
      )}
      <div id="connections" class="stack" data-live={isNone ? undefined : "15"}>
        {connections.map((connection) => (
          <ConnectionSection connection={connection} application={qonto} />
        ))}
      </div>
      {qonto === null ? null : <Application application={qonto} origin={origin} />}
    </>
  );
}
