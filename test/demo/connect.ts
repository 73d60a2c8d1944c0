import { QontoServer } from "../support/qonto-server/node/qonto-server.ts";
import { exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import { OperatorBrowser, type Page } from "./operator-browser.ts";

/** Starts a Qonto at which a relay of this machine is registered. */
export function startQonto(relayUrl: string): Promise<QontoServer> {
  const redirectUris = [`${relayUrl}/console/qonto/callback`];
  return QontoServer.start({ applications: [{ ...exampleApplication, redirectUris }], allowHttp: true });
}

/** What that relay is told of it. */
export function applicationVariables({ url }: QontoServer): Readonly<Record<string, string>> {
  return {
    QONTO_CLIENT_ID: exampleApplication.clientId,
    QONTO_CLIENT_SECRET: exampleApplication.clientSecret,
    QONTO_API_URL: url,
    QONTO_OAUTH_URL: url,
  };
}

interface Connecting {
  readonly relayUrl: string;
  readonly adminToken: string;
  /** To be chosen at Qonto. */
  readonly organizationId: string;
}

/** Connects a relay as an operator does: logs in to the console, presses Connect, and accepts at Qonto. Returns the last page. */
export async function connectAsOperator({ relayUrl, adminToken, organizationId }: Connecting): Promise<Page> {
  const browser = new OperatorBrowser();
  const login = await browser.open(`${relayUrl}/console/qonto`);
  const page = await browser.press(login, "Log in", { token: adminToken });
  const consent = await browser.press(page, "Connect an organization");
  return browser.press(consent, "Accept", { organization_id: organizationId });
}
