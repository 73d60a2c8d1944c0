import type { Source } from "../../../../domain/event.ts";
import { type WebhookAnswer, describeAnswer } from "../../../webhook.ts";
import { type KnownSecrets, secretNames } from "../../../webhook-secret.ts";
import { guessKeys, looksLikeApiKey } from "../../verify/guesses.ts";
import { type Mistake, secretWithWhiteSpace } from "../../verify/mistakes.ts";
import { isFaultName } from "../faults.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import type { Diagnostics, Target } from "../target.ts";
import { reachesSignatureCheck } from "./network.ts";

/** Older than any tolerance that can be set. */
const STALE_SECONDS = 2 * 86_400;

interface Signatures {
  /** Whether the relay's code agrees with Qonto's official vectors; null when it is not known. */
  readonly vectors: Diagnostics["signature_vectors"] | null;
  readonly secrets: readonly TriedSecret[];
  readonly unsigned: WebhookAnswer;
  readonly forged: WebhookAnswer;
  /** Signed long ago with a secret that is right; null when none is known. */
  readonly stale: WebhookAnswer | null;
  /** How many secrets the relay has; null when it is not known. */
  readonly configured: Diagnostics["configuration"]["secrets"] | null;
}

/** A secret that this machine knows, and the answer to a canary that it signed. */
interface TriedSecret {
  readonly source: Source;
  /** As `secret 1 of QONTO_WEBHOOK_SECRETS`. */
  readonly name: string;
  readonly answer: WebhookAnswer;
  readonly looksLikeApiKey: boolean;
  /** In which other writing the relay knows it; null when in none. */
  readonly mistake: Mistake | null;
}

/** Canaries that are signed with the secret are accepted, and no others. */
export async function checkSignature(target: Target): Promise<Result> {
  await target.requireHost();
  if (!reachesSignatureCheck(await target.canaries())) {
    return skipped("No request reaches the relay's check: see `answer`.");
  }
  const { business, onboarding } = target.circumstances.secrets;
  const secrets = [
    ...(await trySecrets(target, "business", business)),
    ...(await trySecrets(target, "onboarding", onboarding)),
  ];
  const right = business?.values.find((_, index) => secrets[index]?.answer.accepted);
  const diagnostics = await target.knownDiagnostics();
  return judgeSignature({
    vectors: diagnostics?.signature_vectors ?? null,
    secrets,
    unsigned: await target.canary({ source: "business", secret: null }),
    forged: await target.canary({ source: "business", secret: `forged-${crypto.randomUUID()}` }),
    stale:
      right === undefined
        ? null
        : await target.canary({ source: "business", secret: right, ageSeconds: STALE_SECONDS }),
    configured: diagnostics?.configuration.secrets ?? null,
  });
}

async function trySecrets(target: Target, source: Source, known: KnownSecrets | null): Promise<TriedSecret[]> {
  const tried: TriedSecret[] = [];
  for (const [index, secret] of (known?.values ?? []).entries()) {
    target.circumstances.progress(`signature: ${source} secret ${index + 1} …`);
    const answer = await target.canary({ source, secret });
    tried.push({
      source,
      name: `secret ${index + 1} of ${known?.from ?? ""}`,
      answer,
      looksLikeApiKey: looksLikeApiKey(secret),
      mistake: answer.code === "signature_mismatch" ? await findMistake(target, source, secret) : null,
    });
  }
  return tried;
}

/** Makes the mistakes that people make with a secret until the relay accepts a canary. */
async function findMistake(target: Target, source: Source, secret: string): Promise<Mistake | null> {
  const guesses = [
    ...guessKeys(secret).slice(1),
    { value: secret.replaceAll(/\s/g, ""), mistake: secretWithWhiteSpace },
  ];
  for (const { value, mistake } of guesses) {
    if (value.length === 0 || value === secret) continue;
    if ((await target.canary({ source, secret: value })).accepted) return mistake;
  }
  return null;
}

function judgeSignature(signatures: Signatures): Result {
  const { vectors, secrets, unsigned, forged, stale, configured } = signatures;
  const findings: Finding[] = [];
  const wrong = Object.entries(vectors ?? {}).flatMap(([system, holds]) => (holds ? [] : [system]));
  if (wrong.length > 0) {
    const seen = `/api/diagnostics: the ${wrong.join(" and the ")} vector does not hold there.`;
    findings.push({ fault: "signature_code_wrong", seen });
  }
  // `onboarding` has said that this secret is missing.
  const isKnown = ({ source, answer }: TriedSecret) =>
    source === "onboarding" && answer.code === "not_configured" && configured !== null;
  findings.push(...secrets.filter((tried) => !isKnown(tried)).flatMap(judgeSecret), ...judgeForged(forged, secrets));
  if (unsigned.status !== null && unsigned.status < 300) {
    const seen = `A POST without a signature header was answered ${describeAnswer(unsigned)}.`;
    findings.push({ fault: "unsigned_accepted", seen });
  }
  if (stale?.accepted === true) {
    const seen = `A canary signed ${STALE_SECONDS} s ago was answered ${describeAnswer(stale)}.`;
    findings.push({ fault: "stale_accepted", seen });
  }
  return judged(findings, saysPassed(signatures), notesOn(signatures));
}

/** Why a canary signed with a secret was not accepted, as far as its answer tells. */
function judgeSecret({ source, name, answer, looksLikeApiKey: isApiKey, mistake }: TriedSecret): Finding[] {
  const seen = `A canary signed with ${name} was answered ${describeAnswer(answer)}.`;
  if (isApiKey && (answer.accepted || mistake === null)) return [{ fault: "api_key_as_secret", seen, about: { name } }];
  if (answer.accepted) return [];
  switch (answer.code) {
    case "signature_mismatch":
      if (mistake !== null && isFaultName(mistake.code)) {
        return [{ fault: mistake.code, seen: `${seen} ${mistake.explanation}`, about: { name } }];
      }
      return [
        {
          fault: "secret_unknown",
          seen: `${seen} Nor does it fit without white space, quotes or \`whsec_\`, or decoded.`,
          about: { name, variable: secretNames[source] },
        },
      ];
    case "signature_missing":
      return [{ fault: "signature_dropped", seen }];
    case "signature_malformed":
      return [{ fault: "signature_changed", seen }];
    case "not_configured":
      return source === "business"
        ? [{ fault: "relay_not_configured", seen, about: { variable: secretNames.business } }]
        : [{ fault: "onboarding_secret_missing", seen }];
    default:
      return [];
  }
}

function judgeForged(forged: WebhookAnswer, secrets: readonly TriedSecret[]): Finding[] {
  if (forged.status !== null && forged.status < 300) {
    const seen = `A canary signed with a random secret was answered ${describeAnswer(forged)}.`;
    return [{ fault: "forged_accepted", seen }];
  }
  // The canaries signed with a known secret have shown these faults.
  if (secrets.length > 0) return [];
  return judgeSecret({
    source: "business",
    name: "a random secret",
    answer: forged,
    looksLikeApiKey: false,
    mistake: null,
  }).filter(({ fault }) => fault === "signature_dropped" || fault === "signature_changed");
}

function saysPassed({ vectors, secrets, stale }: Signatures): string {
  const parts = [
    ...(vectors === null ? [] : ["official vectors hold"]),
    ...(secrets.length === 0 ? [] : [`${secrets.map(({ name }) => name).join(", ")} accepted`]),
    `forged${stale === null ? "" : ", stale"} and unsigned canaries refused`,
  ];
  return `${capital(parts.join("; "))}.`;
}

function notesOn({ vectors, secrets, configured }: Signatures): string[] {
  const known = secrets.filter(({ source }) => source === "business").length;
  const more = (configured?.business ?? known) - known;
  return [
    ...(vectors === null ? ["Whether the official vectors hold there was not asked: see `access`."] : []),
    ...(known === 0
      ? ["The live secret was not tried: set QONTO_WEBHOOK_SECRETS here to have canaries signed with it."]
      : []),
    ...(known > 0 && more > 0 ? [`The relay has more secrets of the Business API than are known here: ${more}.`] : []),
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
