import type { Source } from "../../../../domain/event.ts";
import { guessKeys, looksLikeApiKey } from "../../verify/guess-keys.ts";
import { type Mistake, secretWithWhiteSpace } from "../../verify/mistakes.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import { type SecretTried, capital, judgeSecret } from "../judge-secret.ts";
import type { KnownSecrets } from "../circumstances.ts";
import { CannotExamine, type Patient } from "../patient.ts";
import { type Answer, describeAnswer } from "../probe.ts";
import type { Diagnostics } from "../relay-facts.ts";
import { reachesSignatureCheck } from "./answer.ts";

/** Older than any tolerance that can be set. */
const STALE_SECONDS = 2 * 86_400;

interface SignatureFacts {
  /** Whether the relay's code agrees with Qonto's official vectors; null when it did not tell. */
  readonly vectors: Diagnostics["signature_vectors"] | null;
  readonly secrets: readonly SecretTried[];
  readonly unsigned: Answer;
  readonly forged: Answer;
  /** Signed long ago with a secret that is right; null when none is known. */
  readonly stale: Answer | null;
  /** How many secrets the relay has; null when it did not tell. */
  readonly configured: Diagnostics["configuration"]["secrets"] | null;
}

/** What is signed with the secret is taken, and nothing else. */
export async function examineSignature(patient: Patient): Promise<Result> {
  if ("code" in (await patient.addresses())) throw new CannotExamine(skipped("Its host is not found: see `address`."));
  if (!reachesSignatureCheck(await patient.tries())) {
    return skipped("No request comes as far as the relay's check: see `answer`.");
  }
  const { business, onboarding } = patient.circumstances.secrets;
  const secrets = [
    ...(await trySecrets(patient, "business", business)),
    ...(await trySecrets(patient, "onboarding", onboarding)),
  ];
  const right = business?.values.find((_, index) => secrets[index]?.answer.accepted);
  const diagnostics = await patient.knownDiagnostics();
  return judgeSignature({
    vectors: diagnostics?.signature_vectors ?? null,
    secrets,
    unsigned: await patient.probe({ source: "business", secret: null }),
    forged: await patient.probe({ source: "business", secret: `forged-${crypto.randomUUID()}` }),
    stale:
      right === undefined
        ? null
        : await patient.probe({ source: "business", secret: right, ageSeconds: STALE_SECONDS }),
    configured: diagnostics?.configuration.secrets ?? null,
  });
}

async function trySecrets(patient: Patient, source: Source, known: KnownSecrets | null): Promise<SecretTried[]> {
  const tried: SecretTried[] = [];
  for (const [index, secret] of (known?.values ?? []).entries()) {
    patient.circumstances.progress(`signature: ${source} secret ${index + 1} …`);
    const answer = await patient.probe({ source, secret });
    tried.push({
      source,
      name: `secret ${index + 1} of ${known?.from ?? ""}`,
      answer,
      looksLikeApiKey: looksLikeApiKey(secret),
      mistake: answer.code === "signature_mismatch" ? await findMistake(patient, source, secret) : null,
    });
  }
  return tried;
}

/** Makes the mistakes that people make with a secret until the relay knows one. */
async function findMistake(patient: Patient, source: Source, secret: string): Promise<Mistake | null> {
  const guesses = [
    ...guessKeys(secret).slice(1),
    { value: secret.replaceAll(/\s/g, ""), mistake: secretWithWhiteSpace },
  ];
  for (const { value, mistake } of guesses) {
    if (value.length > 0 && value !== secret && (await patient.probe({ source, secret: value })).accepted)
      return mistake;
  }
  return null;
}

function judgeSignature(facts: SignatureFacts): Result {
  const { vectors, secrets, unsigned, forged, stale, configured } = facts;
  const findings: Finding[] = [];
  const wrongVectors = Object.entries(vectors ?? {}).filter(([, holds]) => !holds);
  if (wrongVectors.length > 0) {
    findings.push({
      fault: "signature_code_wrong",
      what: "The relay's verification does not agree with Qonto's official test vectors.",
      seen: `/api/diagnostics: the ${wrongVectors.map(([system]) => system).join(" and the ")} vector does not hold there.`,
      remedy: "Deploy a version whose tests pass.",
    });
  }
  // The check of the Onboarding API has said that its secret is missing, if it could.
  const toldBefore = ({ source, answer }: SecretTried) =>
    source === "onboarding" && answer.code === "not_configured" && configured !== null;
  findings.push(...secrets.filter((tried) => !toldBefore(tried)).flatMap(judgeSecret), ...judgeForged(forged, secrets));
  if (unsigned.status !== null && unsigned.status < 300) {
    findings.push({
      fault: "unsigned_accepted",
      what: "Requests without a signature are taken: anybody can invent events.",
      seen: `A POST without a signature header was answered ${describeAnswer(unsigned)}.`,
      remedy: "Look at what stands before the relay: something answers in its place, or signs for others.",
    });
  }
  if (stale?.accepted === true) {
    findings.push({
      fault: "stale_accepted",
      what: "Signatures of two days ago are taken: anyone has seen a request can send it again.",
      seen: `A probe signed ${STALE_SECONDS} s ago was answered ${describeAnswer(stale)}.`,
      remedy: "Look at SIGNATURE_TOLERANCE_SECONDS (300 by default) and at the relay's clock.",
    });
  }
  return judged(findings, saysWell(facts), notesOn(facts));
}

function judgeForged(forged: Answer, secrets: readonly SecretTried[]): Finding[] {
  if (forged.status !== null && forged.status < 300) {
    return [
      {
        fault: "forged_accepted",
        what: "Events signed by nobody are taken: anybody can invent them.",
        seen: `A probe signed with a random secret was answered ${describeAnswer(forged)}.`,
        remedy: "Look at what answers there: the relay never does this.",
      },
    ];
  }
  // With a secret at hand this has been said of the probes that were signed with it.
  if (secrets.length > 0) return [];
  return judgeSecret({
    source: "business",
    name: "a random secret",
    answer: forged,
    looksLikeApiKey: false,
    mistake: null,
  }).filter(({ fault }) => fault === "signature_dropped" || fault === "signature_changed");
}

function saysWell({ vectors, secrets, stale }: SignatureFacts): string {
  const accepted = secrets.length === 0 ? [] : [`${secrets.map(({ name }) => name).join(", ")} accepted`];
  return `${capital(
    [
      ...(vectors === null ? [] : ["official vectors hold"]),
      ...accepted,
      `forged${stale === null ? "" : ", stale"} and unsigned probes refused`,
    ].join("; "),
  )}.`;
}

function notesOn({ vectors, secrets, configured }: SignatureFacts): string[] {
  const unasked = vectors === null ? ["Whether the official vectors hold there was not asked: see `access`."] : [];
  const known = secrets.filter(({ source }) => source === "business").length;
  if (known === 0) {
    return [...unasked, "The live secret was not tried: set QONTO_WEBHOOK_SECRETS here to have it signed with."];
  }
  const more = (configured?.business ?? known) - known;
  return [
    ...unasked,
    ...(more > 0 ? [`The relay has more secrets of the Business API than are known here: ${more}.`] : []),
  ];
}
