import { z } from "zod";
import { QontoRefusal } from "../../qonto/api-client.ts";
import { callbackUrlOption, readCallbackUrl, warnOfPath } from "../callback-url.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import { option } from "../options.ts";
import { printable } from "../output.ts";
import { secretAdvice, secretFrom, secretOption } from "../webhook-secret.ts";

/** Qonto's guide names the first, its reference the second. */
const PATH_OF_GUIDE = "/data_api/webhooks";
const PATH_OF_REFERENCE = "/register/webhooks";

const webhook = z.looseObject({ id: z.string(), callback_url: z.string() });

const register = defineCommand({
  name: "register",
  summary: "register the relay; there is one address, and it gets every event",
  asks: ["qonto"],
  options: {
    url: callbackUrlOption,
    partnerId: option("--partner-id <id>", "your id as Qonto's partner (else QONTO_PARTNER_ID)"),
    path: option("--path <path>", `the endpoint (else ${PATH_OF_GUIDE}, or ${PATH_OF_REFERENCE} if there is none)`),
    secret: secretOption,
  },
  example: "onboarding register --url https://relay.example.com/webhooks/qonto --sandbox",
  async run(context, { url, path, secret: given, ...options }) {
    const { output, settings } = context;
    const callback_url = readCallbackUrl(url, settings.value("QONTO_ONBOARDING_URL"));
    const partnerId = options.partnerId ?? settings.value("QONTO_PARTNER_ID");
    if (partnerId === undefined) throw wrongUsage("QONTO_PARTNER_ID is not set.", "Set it, or give --partner-id.");
    const qonto = context.openQonto({ system: "onboarding", headers: { "qonto-partner-id": partnerId } });
    const { secret, isNew } = await secretFrom(given, context);
    const body = { callback_url, secret, enabled: true };
    const registered = await qonto.post(path ?? PATH_OF_GUIDE, body, webhook).catch((error: unknown) => {
      const isElsewhere = path === undefined && error instanceof QontoRefusal && error.status === 404;
      if (isElsewhere) return qonto.post(PATH_OF_REFERENCE, body, webhook);
      throw error;
    });
    warnOfPath(callback_url, output);
    const { secret: _echoed, ...shown } = registered;
    output.show(isNew ? { ...shown, secret } : shown, () =>
      [
        `Registered ${printable(registered.id)}: Qonto sends every event of its Onboarding API to ${callback_url}.`,
        ...(isNew ? [secretAdvice("onboarding", secret, output)] : []),
      ].join("\n\n"),
    );
  },
});

export const onboarding = defineGroup("onboarding", "where Qonto's Onboarding API sends its events", {
  commands: [register],
});
