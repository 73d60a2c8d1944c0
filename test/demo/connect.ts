import { OperatorBrowser, type Page } from "./operator-browser.ts";

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
