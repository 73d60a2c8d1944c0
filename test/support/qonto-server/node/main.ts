import { makeableTypes } from "../bank.ts";
import { controls } from "../controls.ts";
import { exampleApplication } from "../simulated-qonto.ts";
import { HttpServer } from "./http-server.ts";
import { QontoServer } from "./qonto-server.ts";

/** `npm run qonto-server`: a Qonto on this machine to try the relay with, and beside it a way to make things happen. */

const DEFAULT_PORT = 8790;
const DEFAULT_RELAY_URL = "http://localhost:8787";
/** The same after a restart: a relay may be connected to it. */
const SECOND_ORGANIZATION = "5e6f7a8b-9c0d-4e1f-8a2b-3c4d5e6f7a8b";
const ITEMS_OF_A_TYPE = 3;
const port = Number(process.env["QONTO_PORT"] ?? DEFAULT_PORT);
const relayUrl = (process.env["RELAY_URL"] ?? DEFAULT_RELAY_URL).replace(/\/+$/, "");

const { clientId, clientSecret } = exampleApplication;
const redirectUris = [
  ...new Set([relayUrl, DEFAULT_RELAY_URL, DEFAULT_RELAY_URL.replace("localhost", "127.0.0.1")]),
].map((origin) => `${origin}/console/qonto/callback`);
const qonto = await QontoServer.start({
  port,
  allowHttp: true,
  applications: [{ clientId, clientSecret, redirectUris }],
});
const bank = qonto.addBank(SECOND_ORGANIZATION);
for (const type of makeableTypes) {
  for (let count = 0; count < ITEMS_OF_A_TYPE; count += 1) {
    qonto.bank.make(type);
    bank.make(type);
  }
}
bank.change("v1/organizations", bank.organizationId, { legal_name: "Example SAS" });
const app = controls(qonto);
const control = await HttpServer.start((request) => app.fetch(request), port + 1);

console.log(`A simulated Qonto is ready on ${qonto.url}. Connect a relay on this machine to it: put this into .dev.vars, start
the relay, and press Connect on ${relayUrl}/console/qonto (another address: RELAY_URL=… npm run qonto-server)

  QONTO_CLIENT_ID=${clientId}
  QONTO_CLIENT_SECRET=${clientSecret}
  QONTO_API_URL=${qonto.url}
  QONTO_OAUTH_URL=${qonto.url}

Tell the command line where it is:

  export QONTO_API_URL=${qonto.url} QONTO_ONBOARDING_URL=${qonto.url}
  export QONTO_ACCESS_TOKEN=${qonto.accessToken} QONTO_PARTNER_ID=partner

Make things happen, and see what became of them:

  curl -s ${control.url}/simulate/events -d '{"type": "v1/transactions", "count": 3}'
  curl -s ${control.url}/simulate/deliveries
  curl -s ${control.url}/simulate/webhooks -d '{"lost": true}'
  curl -s ${control.url}/simulate/subscriptions/lose -X POST
  curl -s ${control.url}/simulate/consents/scopes -d '{"scopes": ["offline_access", "organization.read", "webhook"]}'
  curl -s ${control.url}/simulate/consents/revoke -X POST

Ctrl-C ends it.`);

const stop = () => void Promise.all([qonto.stop(), control.stop()]);
process.on("SIGINT", stop).on("SIGTERM", stop);
