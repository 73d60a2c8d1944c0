import type { QontoClient } from "../../../qonto/api-client.ts";
import { type AccessHeaders, readAccessHeaders } from "../../cloudflare-access.ts";
import { defineCommand } from "../../command.ts";
import type { Context } from "../../context.ts";
import { readWhole, withDefault } from "../../options.ts";
import { openAccount } from "../../deploy/account.ts";
import { readConfiguration } from "../../deploy/configuration.ts";
import { Log } from "../../deploy/context.ts";
import { survey } from "../../deploy/survey.ts";
import { RelayClient } from "../../relay-client.ts";
import { refuseUnsendable } from "../../settings.ts";
import { knownSecrets } from "../../webhook-secret.ts";
import { runChecks } from "./checks.ts";
import { type Access, type Address, type Deployed, addressesOf, certificateOf, readAddress } from "./circumstances.ts";
import { skipped } from "./finding.ts";
import { asDocument, asText, findingsOf } from "./report.ts";
import { Target } from "./target.ts";

/** A person in a hurry reads the report: no API is waited for long. */
const patience = { answersWithinMs: 10_000, mostRetries: 1, longestWaitMs: 5_000 };

export const doctor = defineCommand({
  name: "doctor",
  summary: "find out why events do not arrive: Qonto's troubleshooting list, with each fault and its remedy",
  asks: ["relay", "qonto"],
  options: {
    queueSeconds: withDefault("--patience <seconds>", "how long to wait for the queues", "30", readWhole(0, 9_999)),
  },
  help: `It looks from outside without any credential, and closer with ADMIN_TOKEN (the relay's inside), QONTO_WEBHOOK_SECRETS and
QONTO_ONBOARDING_SECRETS (the live secrets), QONTO_ACCESS_TOKEN (the subscriptions at Qonto) and CLOUDFLARE_API_TOKEN (what
is deployed). Where Cloudflare Access protects /api or /health, CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET let it
in. It changes nothing: its canaries are events of a type of their own, which are not stored and reach no destination. Exit
code: 0 without a fault, 1 with any.`,
  example: "doctor --url https://relay.example.com",
  async run(context, { queueSeconds }) {
    const { output, settings, world, isSandbox } = context;
    const address = readAddress(context.relayUrl);
    // Without https they would be sent unencrypted, as the token would.
    const accessHeaders = address.isHttps || address.isLocal ? readAccessHeaders(settings) : {};
    const target = new Target({
      address,
      world: { ...world, lookup: addressesOf, certificateOf },
      secrets: {
        business: knownSecrets(settings, address.origin, "business"),
        onboarding: knownSecrets(settings, address.origin, "onboarding"),
      },
      relay: accessToRelay(context, address, accessHeaders),
      accessHeaders,
      qonto: accessToQonto(context),
      cloudflare: accessToCloudflare(context),
      partnerId: settings.value("QONTO_PARTNER_ID") ?? null,
      isSandbox,
      queuesMs: queueSeconds * 1000,
      progress: (text) => output.progress(text),
    });
    const checked = await runChecks(target);
    const report = { url: address.webhookUrl, checked };
    output.show(asDocument(report, new Date(world.now()), output), () => asText(report, output));
    return findingsOf(checked).length > 0 ? 1 : 0;
  },
});

function accessToRelay(
  { settings, world }: Context,
  { origin, isHttps, isLocal }: Address,
  accessHeaders: AccessHeaders,
): Access<RelayClient> {
  if (!isHttps && !isLocal) {
    return skipped("Without https the token would be sent unencrypted.", "Give an https address.");
  }
  const token = settings.sharedSecret("ADMIN_TOKEN", origin);
  if (token === undefined) {
    return skipped("There is no token for the operator's API.", "Set ADMIN_TOKEN; a read-only one does for most.");
  }
  refuseUnsendable(token.value, token.from);
  const { answersWithinMs } = patience;
  return { thing: new RelayClient(origin, token.value, { accessHeaders, answersWithinMs, world }) };
}

function accessToQonto({ settings, isSandbox, openQonto }: Context): Access<QontoClient> {
  if (settings.credential("QONTO_ACCESS_TOKEN") === undefined) {
    return skipped(
      "There is no access to Qonto's API.",
      "Set QONTO_ACCESS_TOKEN (an OAuth token with the scope `webhook`).",
    );
  }
  if (isSandbox && settings.credential("QONTO_STAGING_TOKEN") === undefined) {
    return skipped("There is no access to Qonto's sandbox.", "Set QONTO_STAGING_TOKEN too.");
  }
  return { thing: openQonto({ patience }) };
}

const cloudflareVariables = ["CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL"];

/** The account to which `npm run deploy` would deploy. */
export function accessToCloudflare({
  settings,
  secrets,
  world,
}: Pick<Context, "settings" | "secrets" | "world">): Access<() => Promise<Deployed>> {
  const token = settings.value("CLOUDFLARE_API_TOKEN");
  if (token === undefined) {
    return skipped("There is no access to Cloudflare's API.", "Set CLOUDFLARE_API_TOKEN.");
  }
  const env = Object.fromEntries(cloudflareVariables.map((name) => [name, settings.value(name)]));
  const context = { env, world, log: new Log(null), say: () => undefined, questions: null };
  const credentials = { token: secrets.keep(token) };
  return {
    thing: async () => {
      const configuration = await readConfiguration();
      const account = await openAccount(credentials, configuration.accountId, context);
      return { configuration, found: await survey(account, configuration) };
    },
  };
}
