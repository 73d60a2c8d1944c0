import { z } from "zod";
import type { QontoCommand } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import type { Invocation } from "../../invocation.ts";
import type { Output } from "../../output.ts";
import { readBytes } from "../../read-input.ts";
import { readTime } from "../../read-time.ts";
import type { Settings } from "../../settings.ts";
import { type Explanation, type Question, explainSignature } from "./explain-signature.ts";

const DEFAULT_TOLERANCE_SECONDS = 300;

const options = z.object({
  header: z.string(),
  body: z.string(),
  secret: z.array(z.string()).optional(),
  onboarding: z.boolean().optional(),
  at: z.string().optional(),
  tolerance: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .default(DEFAULT_TOLERANCE_SECONDS),
});

const collect = (value: string, before: readonly string[] = []) => [...before, value];

/** `verify`: why a signature does not match. */
export function addVerify(program: QontoCommand): void {
  program
    .command("verify")
    .description("say why a signature does not match, by making every known mistake")
    .requiredOption("--header <value>", "the signature header as it came")
    .requiredOption("--body <file>", "the body as it came; - reads standard input")
    .option(
      "--secret <secret>",
      "once or more, or comma-separated (else QONTO_WEBHOOK_SECRETS, QONTO_ONBOARDING_SECRETS)",
      collect,
    )
    .option("--onboarding", "the header is Qonto-SHA256-Signature (else its form tells)")
    .option("--at <time>", "when it came: an instant, or how long ago, as 2h (else now)")
    .option("--tolerance <seconds>", "largest age and lead of the timestamp", String(DEFAULT_TOLERANCE_SECONDS))
    .addHelpText(
      "after",
      `
Example, Qonto's own:
  printf '{"test":"data"}' | npm run qonto -- verify --body - --secret test-secret --at 2024-01-01T12:00:00Z \\
    --header t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805`,
    )
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const question = await readQuestion(command.opts(), invocation);
      output.progress("Making every known mistake …");
      const explanation = await explainSignature(question);
      output.show(asDocument(explanation, question), () => asText(explanation, question, output));
      invocation.exitCode = explanation.verdict === "matches" ? 0 : 1;
    });
}

async function readQuestion(given: unknown, { settings, secrets: known, input, world }: Invocation): Promise<Question> {
  const parsed = options.safeParse(given);
  if (!parsed.success) throw wrongUsage("--tolerance is a number of seconds.");
  const { header, body, secret, onboarding, at, tolerance } = parsed.data;
  const secrets = secret === undefined ? configuredSecrets(settings) : secret.flatMap(splitList);
  if (secrets.length === 0)
    throw wrongUsage("There is no secret to verify with.", "Give it with --secret, or set QONTO_WEBHOOK_SECRETS.");
  return {
    header,
    secrets: secrets.map((one) => known.keep(one)),
    body: await readBytes(body, input),
    scheme: onboarding === true ? "onboarding" : undefined,
    at: Math.floor((at === undefined ? world.now() : readTime(at, "--at", world.now())) / 1000),
    toleranceSeconds: tolerance,
  };
}

function configuredSecrets(settings: Settings): string[] {
  const relay = settings.relayUrl();
  return (["QONTO_WEBHOOK_SECRETS", "QONTO_ONBOARDING_SECRETS"] as const).flatMap((name) =>
    splitList(settings.sharedSecret(name, relay)?.value ?? ""),
  );
}

/** White space around a single secret is kept: it may be what is wrong. */
function splitList(text: string): string[] {
  if (!text.includes(",")) return text === "" ? [] : [text];
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

const ruledOut = [
  "the body written anew, with other line endings, encodings or a byte-order mark, or compressed",
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
