import { defineCommand } from "../../command.ts";
import type { Context } from "../../context.ts";
import { wrongUsage } from "../../fault.ts";
import { flag, option, readText, readTime, readWhole, repeated, required, withDefault } from "../../options.ts";
import type { Output } from "../../output.ts";
import { secretNames } from "../../webhook-secret.ts";
import { type Explanation, type Question, explainSignature } from "./explain-signature.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "say why a signature does not match, by trying every known mistake",
  options: {
    header: required("--header <value>", "the signature header as received", readText),
    body: required("--body <file>", "the body as received; - reads standard input", readText),
    given: repeated(
      "--secret <secret>",
      "once or more, or comma-separated (else QONTO_WEBHOOK_SECRETS, QONTO_ONBOARDING_SECRETS)",
    ),
    onboarding: flag("--onboarding", "the header is Qonto-SHA256-Signature (else its form tells)"),
    atMs: option("--at <time>", "when it was received: an instant, or how long ago, as 2h (else now)", readTime),
    toleranceSeconds: withDefault(
      "--tolerance <seconds>",
      "largest age and lead of the timestamp",
      "300",
      readWhole(0, 999_999_999),
    ),
  },
  help: `Qonto's own example:
  printf '{"test":"data"}' | npm run qonto -- verify --body - --secret test-secret --at 2024-01-01T12:00:00Z \\
    --header t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805`,
  example: "verify --header 't=…,v1=…' --body body.json",
  async run(context, { header, body, given, onboarding, atMs, toleranceSeconds }) {
    const { output, secrets, world } = context;
    const candidates = given?.flatMap(splitList) ?? configuredSecrets(context);
    if (candidates.length === 0) {
      throw wrongUsage("There is no secret to verify with.", "Give it with --secret, or set QONTO_WEBHOOK_SECRETS.");
    }
    const question = {
      header,
      secrets: candidates.map((one) => secrets.keep(one)),
      body: await context.readBytes(body),
      scheme: onboarding ? ("onboarding" as const) : undefined,
      at: Math.floor((atMs ?? world.now()) / 1000),
      toleranceSeconds,
    };
    output.progress("Trying every known mistake …");
    const explanation = await explainSignature(question);
    output.show(asDocument(explanation, question), () => asText(explanation, question, output));
    return explanation.verdict === "matches" ? 0 : 1;
  },
});

function configuredSecrets({ settings }: Context): string[] {
  const relay = settings.relayUrl();
  return Object.values(secretNames).flatMap((name) => splitList(settings.sharedSecret(name, relay)?.value ?? ""));
}

/** White space around a single secret is kept: it may be what is wrong. */
function splitList(text: string): string[] {
  const parts = text.split(",");
  return (parts.length === 1 ? parts : parts.map((part) => part.trim())).filter((part) => part !== "");
}

const ruledOut = [
  "the body serialised again, with other line endings, encodings or a byte-order mark, or compressed",
  "the secret with white space or quotes, without its prefix, or decoded",
  "the digest in base64 or cut, the header without its timestamp",
  "the timestamp in milliseconds, not signed, or signed in another form",
  "any two of these at once",
];

function asDocument({ verdict, mistakes, ...facts }: Explanation, { at }: Question): object {
  return {
    matches: verdict === "matches",
    ...facts,
    age_seconds: facts.timestamp === null ? null : at - facts.timestamp,
    mistakes,
    ruled_out: verdict === "unexplained" ? ruledOut : [],
  };
}

function asText(explanation: Explanation, { secrets, at }: Question, output: Output): string {
  const { verdict, scheme, secret, timestamp, mistakes } = explanation;
  const which = secret !== null && secrets.length > 1 ? ` Secret ${secret} of ${secrets.length} fits.` : "";
  if (verdict === "matches") {
    const age = timestamp === null ? "" : `, ${Math.abs(at - timestamp)} s ${at >= timestamp ? "old" : "ahead"}`;
    const system = scheme === "business" ? "Business API" : "Onboarding API";
    return `${output.paint("green", "It matches")} (${system}${age}).${which}`;
  }
  if (verdict === "mistaken") {
    const found = mistakes.map(
      ({ code, explanation: text, remedy }) =>
        `${output.paint("red", code)}\n  ${text}\n  ${output.paint("bold", "→")} ${remedy}`,
    );
    return [...found, ...(which === "" ? [] : [which.trim()])].join("\n\n");
  }
  return `${output.paint("red", "It does not match")}, and no known mistake explains it. Ruled out:
${ruledOut.map((line) => `- ${line}`).join("\n")}

So it was most likely made with another secret, or for another body. Compare the secret with the one that Qonto showed
when the subscription was created, then try your own code on Qonto's vector: secret \`test-secret\`,
body \`{"test":"data"}\`, header
t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805`;
}
