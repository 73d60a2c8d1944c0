import { decrypt } from "../platform/encryption.ts";
import { QontoClient } from "../qonto/api-client.ts";
import type { Connection } from "../store/connections.ts";
import type { ConnectionContext } from "./context.ts";

/** Stands in until part-tokens is merged. */
export function openQonto(connection: Connection, { config, world }: ConnectionContext): QontoClient {
  const header = async () =>
    `Bearer ${await decrypt(config.encryptionKeys, connection.accessToken, connection.id)}`;
  return new QontoClient({
    baseUrl: config.qonto.apiUrl,
    headers: config.qonto.stagingToken === null ? {} : { "x-qonto-staging-token": config.qonto.stagingToken },
    authorization: { header, renewed: async () => false },
    world,
  });
}
