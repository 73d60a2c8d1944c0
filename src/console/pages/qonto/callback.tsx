import { audited } from "../../../api/actions/audited.ts";
import { connectionContext } from "../../../api/actions/connections.ts";
import { adminTokenOf } from "../../../api/authenticate.ts";
import { refuse } from "../../../api/refusals.ts";
import { type Finished, finishAuthorization } from "../../../connection/authorize.ts";
import { readConfig } from "../../../env.ts";
import type { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { addresses } from "../../addresses.ts";
import { type Done, addressDone } from "../../flash.ts";
import { goOn } from "../../go-on.ts";
import type { Console, ConsoleContext } from "../../requests.ts";
import { dropAuthorization } from "../../session/authorization.ts";
import { findAuthorization } from "../../session/guard.ts";
import { Bare } from "../../ui/layout.tsx";

/** What the page Qonto says of an authorization that this browser began, by how it ended. */
const endings = {
  connected: "connection-created",
  denied: "authorization-denied",
  used: "authorization-used",
  expired: "authorization-expired",
  unavailable: "authorization-unavailable",
  no_refresh_token: "authorization-without-refresh-token",
  failed: "authorization-failed",
  unknown: null,
  not_owner: null,
} as const satisfies Readonly<Record<"connected" | Extract<Finished, { state: "refused" }>["why"], Done | null>>;

/**
 * In front of the session, whose strict cookie a browser withholds when Qonto leads it here. Only the browser that began the
 * authorization gets any further: nobody can make an operator's browser finish another one.
 */
export function addQontoCallback(pages: Console, world: World): void {
  pages.get("/qonto/callback", async (c) => {
    adminTokenOf(c.env);
    const authorization = await findAuthorization(c, readConfig(c.env), world);
    if (authorization === null) throw notOfThisBrowser();
    c.set("caller", authorization.caller);
    const finished = await finish(c, world, authorization.owner);
    const done = endings[finished.state === "connected" ? "connected" : finished.why];
    // Its own authorization may still be at Qonto.
    if (done === null) throw notOfThisBrowser();
    dropAuthorization(c);
    const url = addressDone(addresses.qonto, done);
    return goOn(
      c,
      url,
      <Bare title="Back from Qonto">
        <p>
          The console goes on to <a href={url}>the page Qonto</a>.
        </p>
      </Bare>,
    );
  });
}

/** Until Qonto has told whose connection it is, its audit record is about Qonto. */
function finish(c: ConsoleContext, world: World, owner: string): Promise<Finished> {
  const context = connectionContext(c, world);
  return audited(c, world, {
    action: "connection.created",
    subject: "qonto",
    make: () => finishAuthorization(context, { callback: new URL(c.req.url), owner }),
    subjectOf: (finished) => (finished.state === "connected" ? finished.connectionId : undefined),
    after: (finished) =>
      finished.state === "connected" ? { organization_name: finished.organizationName } : "unchanged",
  });
}

function notOfThisBrowser(): ProblemError {
  return refuse("forbidden", {
    detail:
      "Nothing was changed. This browser has not begun to connect an organization in the last ten minutes, has ended that already, or has begun it once more since. Open the page Qonto: if the organization is not there, connect it again.",
  });
}
