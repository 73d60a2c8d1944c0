import { Option } from "commander";
import { z } from "zod";
import type { QontoCommand } from "./command.ts";
import { wrongUsage } from "./fault.ts";
import { type QontoAccess, QontoClient } from "./qonto-client.ts";
import { readUrl, refuseClearText } from "./settings.ts";

const SANDBOX = "https://thirdparty-sandbox.staging.qonto.co";

/** Qonto's two systems: where each is, and which variable says that it is elsewhere. */
const systems = {
  business: { production: "https://thirdparty.qonto.com", override: "QONTO_API_URL" },
  onboarding: { production: "https://onboarding-partners.qonto.com", override: "QONTO_ONBOARDING_URL" },
} as const;

const options = z.object({ sandbox: z.boolean().default(false) });

export function sandboxOption(): Option {
  return new Option("--sandbox", "Qonto's sandbox, with QONTO_STAGING_TOKEN");
}

/** Qonto's API as the environment lets us in, `--sandbox` or not. */
export function openQonto(
  command: QontoCommand,
  {
    system = "business",
    headers = {},
    ...manners
  }: Pick<QontoAccess, "patience" | "onAnswer" | "spacingMs"> & {
    readonly system?: keyof typeof systems;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): QontoClient {
  const { output, invocation } = command;
  const { settings, world } = invocation;
  const { sandbox } = options.parse(command.optsWithGlobals());
  const { production, override } = systems[system];
  const baseUrl = readUrl(settings.value(override) ?? (sandbox ? SANDBOX : production), override);
  refuseClearText(baseUrl);
  const token = settings.credential("QONTO_ACCESS_TOKEN");
  if (token === undefined) {
    throw wrongUsage("QONTO_ACCESS_TOKEN is not set.", "Put an OAuth access token of Qonto's into the environment.");
  }
  const stagingToken = sandbox ? settings.credential("QONTO_STAGING_TOKEN") : undefined;
  if (sandbox && stagingToken === undefined) {
    throw wrongUsage("QONTO_STAGING_TOKEN is not set.", "The sandbox asks for it; Qonto's developer portal shows it.");
  }
  for (const value of [token, stagingToken ?? "ok", ...Object.values(headers)]) {
    if (!/^[\x20-\x7e]+$/.test(value)) throw wrongUsage("A credential holds characters that cannot be sent.");
  }
  return new QontoClient({
    baseUrl,
    headers: {
      ...headers,
      authorization: `Bearer ${token.replace(/^Bearer +/i, "")}`,
      ...(stagingToken === undefined ? {} : { "x-qonto-staging-token": stagingToken }),
    },
    progress: (text) => output.progress(text),
    world,
    ...manners,
  });
}
