import { QontoClient, QontoRefusal, QontoUnavailable } from "../qonto/api-client.ts";
import type { Connection } from "../store/connections.ts";
import type { ConnectionContext } from "./context.ts";
import { stagingHeader } from "./oauth.ts";
import { accessTokenOf, refreshTokens } from "./tokens.ts";

const NOT_REPLACED = "the access token is not valid any more, and its replacement is not there yet.";

/**
 * Qonto's API as a connected organization sees it. The first 401 has the tokens refreshed, and that call repeated once; while they
 * cannot be, Qonto counts as unavailable. A further one is thrown, as is every other refusal; beside the client's errors there is
 * ConnectionFault.
 */
export function openQonto(connection: Connection, context: ConnectionContext): QontoClient {
  const { qonto: application } = context.config;
  let current = connection;
  let mayReplace = true;
  return new QontoClient({
    baseUrl: application.apiUrl,
    headers: stagingHeader(application),
    authorization: {
      header: async () => {
        // Its token is not shown to a host of the other environment, which would refuse it.
        if (current.environment !== application.environment)
          throw new QontoRefusal(401, `it is connected to the ${current.environment}.`);
        return `Bearer ${await accessTokenOf(current, context)}`;
      },
      renewed: async () => {
        if (!mayReplace) return false;
        mayReplace = false;
        const replaced = await refreshTokens(current, context);
        if (replaced.state === "lost") return false;
        if (replaced.state !== "refreshed") throw new QontoUnavailable(401, NOT_REPLACED);
        current = replaced.connection;
        return true;
      },
    },
    world: context.world,
  });
}
