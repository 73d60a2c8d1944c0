import { z } from "zod";
import { type AccessHeaders, readAccessHeaders } from "../../cloudflare-access.ts";
import { type QontoCommand, relayOption } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import type { Invocation } from "../../invocation.ts";
import { accessToCloudflare } from "./cloudflare.ts";
import { openQonto, sandboxOption } from "../../open-qonto.ts";
import { RelayClient } from "../../relay-client.ts";
import type { LocalSecret, Settings } from "../../settings.ts";
import { examine, findingsOf } from "./examine.ts";
import type { Access, KnownSecrets, Qonto } from "./circumstances.ts";
import { Patient } from "./patient.ts";
import { asDocument, asText } from "./report.ts";
import { type Target, readTarget } from "./target.ts";
import { addressesOf, certificateOf, realTimeBoxes } from "./world.ts";

const options = z.object({ url: z.string().optional(), sandbox: z.boolean().default(false), patience: z.string() });

/** At three at night nobody waits for minutes. */
const QONTO_PATIENCE = { answersWithinMs: 10_000, mostRetries: 1, longestWaitMs: 5_000 };

/** `doctor`: Qonto's list for troubleshooting, walked against a running relay and Qonto's API. */
export function addDoctor(program: QontoCommand): void {
  program
    .command("doctor")
    .description(
      "find out why events do not arrive: walks Qonto's list for troubleshooting, names each fault and its remedy",
    )
    .addOption(relayOption())
    .addOption(sandboxOption())
    .option("--patience <seconds>", "how long to wait for the queues", String(realTimeBoxes.queuesMs / 1000))
    .addHelpText(
      "after",
      `
Example:
  npm run qonto -- doctor --url https://relay.example.com

It looks from outside without any credential, and closer with ADMIN_TOKEN (the relay's inside), QONTO_WEBHOOK_SECRETS and
QONTO_ONBOARDING_SECRETS (the live secrets), QONTO_ACCESS_TOKEN (the subscriptions at Qonto) and CLOUDFLARE_API_TOKEN (what
is deployed). Where Cloudflare Access stands before /api or /health, CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET let it
in. It changes nothing: its probes are events of a type of their own, which are kept nowhere and reach nobody. Exit code: 0
without a fault, 1 with any.`,
    )
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { settings } = invocation;
      const given = options.parse(command.opts());
      const target = readTarget(settings.relayUrl(given.url));
      // Without https they would travel readable for all, as the token would.
      const accessHeaders = target.isHttps || target.isLocal ? readAccessHeaders(settings) : {};
      const patient = new Patient({
        target,
        world: {
          ...invocation.world,
          lookup: addressesOf,
          certificateOf,
          timeBoxes: { ...realTimeBoxes, queuesMs: readPatience(given.patience) },
        },
        secrets: {
          business: readSecrets(settings, "QONTO_WEBHOOK_SECRETS", target),
          onboarding: readSecrets(settings, "QONTO_ONBOARDING_SECRETS", target),
        },
        relay: accessToRelay(invocation, target, accessHeaders),
        accessHeaders,
        qonto: accessToQonto(command, given.sandbox),
        cloudflare: accessToCloudflare(invocation),
        partnerId: settings.value("QONTO_PARTNER_ID") ?? null,
        isSandbox: given.sandbox,
        progress: (text) => output.progress(text),
      });
      const examined = await examine(patient);
      const report = { url: target.webhookUrl, examined };
      output.show(asDocument(report, new Date(invocation.world.now()), output), () => asText(report, output));
      if (findingsOf(examined).length > 0) invocation.exitCode = 1;
    });
}

function readPatience(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw wrongUsage("--patience is a whole number of seconds.");
  return Number(text) * 1000;
}

function readSecrets(settings: Settings, name: LocalSecret, { origin }: Target): KnownSecrets | null {
  const shared = settings.sharedSecret(name, origin);
  const values = (shared?.value ?? "").split(",").flatMap((part) => part.trim() || []);
  return shared === undefined || values.length === 0 ? null : { values, from: shared.from };
}

function accessToRelay(
  { settings, world }: Invocation,
  { origin, isHttps, isLocal }: Target,
  accessHeaders: AccessHeaders,
): Access<RelayClient> {
  if (!isHttps && !isLocal) {
    return { lacks: "Without https the token would travel readable for all.", enable: "Give an https address." };
  }
  const token = settings.sharedSecret("ADMIN_TOKEN", origin);
  if (token === undefined) {
    return {
      lacks: "There is no token to look into the relay with.",
      enable: "Set ADMIN_TOKEN; a read-only one does for most.",
    };
  }
  if (!/^[\x21-\x7e]+$/.test(token.value)) throw wrongUsage(`${token.from} holds characters that no token has.`);
  return {
    thing: new RelayClient(origin, token.value, {
      accessHeaders,
      answersWithinMs: QONTO_PATIENCE.answersWithinMs,
      fetch: world.fetch,
    }),
  };
}

function accessToQonto(command: QontoCommand, isSandbox: boolean): Access<Qonto> {
  const { settings, world } = command.invocation;
  if (settings.credential("QONTO_ACCESS_TOKEN") === undefined) {
    return {
      lacks: "There is no access to Qonto's API.",
      enable: "Set QONTO_ACCESS_TOKEN (an OAuth token with the scope `webhook`).",
    };
  }
  if (isSandbox && settings.credential("QONTO_STAGING_TOKEN") === undefined) {
    return { lacks: "There is no access to Qonto's sandbox.", enable: "Set QONTO_STAGING_TOKEN too." };
  }
  let aheadMs: number | null = null;
  const onAnswer = ({ headers }: Response) => {
    const date = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(date)) aheadMs = date - world.now();
  };
  return { thing: { client: openQonto(command, { patience: QONTO_PATIENCE, onAnswer }), clockAheadMs: () => aheadMs } };
}
