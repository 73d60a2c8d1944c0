import type { Source } from "../../../../domain/event.ts";
import { type WebhookAnswer, describeAnswer } from "../../../webhook.ts";
import { secretNames } from "../../../webhook-secret.ts";
import { guessKeys, looksLikeApiKey } from "../../verify/guesses.ts";
import { type Mistake, secretWithWhiteSpace } from "../../verify/mistakes.ts";
import { isFaultName } from "../faults.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import type { Diagnostics, Target } from "../target.ts";
import { reachesSignatureCheck } from "./network.ts";

/** Older than any tolerance that can be set. */
const STALE_SECONDS = 2 * 86_400;

/** A secret that this machine knows, and the answer to a canary that it signed. */
interface TriedSecret {
  readonly source: Source;
  readonly secret: string;
  /** As `secret 1 of QONTO_WEBHOOK_SECRETS`. */
  readonly name: string;
  readonly answer: WebhookAnswer;
  /** In which other writing the relay knows it; null when in none. */
  readonly mistake: Mistake | null;
}

/** What the relay answered to canaries, and what it says of itself. */
interface Answers {
  readonly tried: readonly TriedSecret[];
  readonly unsigned: WebhookAnswer;
  /** Signed with a random secret. */
  readonly forged: WebhookAnswer;
  /** Signed long ago with a secret that is right; null when none is known. */
  readonly stale: WebhookAnswer | null;
  /** Undefined where the operator's API does not give them. */
  readonly diagnostics: Diagnostics | undefined;
}

/** Canaries that are signed with the secret are accepted, and no others. */
export async function checkSignature(target: Target): Promise<Result> {
  await target.requireHost();
  if (!reachesSignatureCheck(await target.canaries())) {
    return skipped("No request reaches the relay's check: see `answer`.");
  }
  const tried = [...(await trySecrets(target, "business")), ...(await trySecrets(target, "onboarding"))];
  const right = tried.find(({ source, answer }) => source === "business" && answer.accepted)?.secret;
  const canary = (secret: string | null, ageSeconds = 0) => target.canary({ source: "business", secret, ageSeconds });
  return judgeSignature({
    tried,
    unsigned: await canary(null),
    forged: await canary(`forged-${crypto.randomUUID()}`),
    stale: right === undefined ? null : await canary(right, STALE_SECONDS),
    diagnostics: await target.knownDiagnostics(),
  });
}

function judgeSignature(answers: Answers): Result {
  const { tried, unsigned, forged, stale, diagnostics } = answers;
  const wrong = Object.entries(diagnostics?.signature_vectors ?? {}).flatMap(([system, holds]) =>
    holds ? [] : [system],
  );
  // `onboarding` has said that this secret is missing.
  const isKnown = ({ source, answer }: TriedSecret) =>
    source === "onboarding" && answer.code === "not_configured" && diagnostics !== undefined;
  const seenForged = `A canary signed with a random secret was answered ${describeAnswer(forged)}.`;
  return judged(
    [
      wrong.length > 0 && {
        fault: "signature_code_wrong",
        seen: `/api/diagnostics: the ${wrong.join(" and the ")} vector does not hold there.`,
      },
      ...tried.map((one) => !isKnown(one) && judgeSecret(one)),
      // The canaries signed with a known secret have shown whether the header arrives as it was sent.
      tried.length === 0 && judgeHeader(forged, seenForged),
      isTaken(forged) && { fault: "forged_accepted", seen: seenForged },
      isTaken(unsigned) && {
        fault: "unsigned_accepted",
        seen: `A POST without a signature header was answered ${describeAnswer(unsigned)}.`,
      },
      stale?.accepted === true && {
        fault: "stale_accepted",
        seen: `A canary signed ${STALE_SECONDS} s ago was answered ${describeAnswer(stale)}.`,
      },
    ],
    describePassed(answers),
    notesOn(answers),
  );
}

function describePassed({ tried, stale, diagnostics }: Answers): string {
  const passed = [
    ...(diagnostics === undefined ? [] : ["official vectors hold"]),
    ...(tried.length === 0 ? [] : [`${tried.map(({ name }) => name).join(", ")} accepted`]),
    `forged${stale === null ? "" : ", stale"} and unsigned canaries refused.`,
  ];
  return passed.join("; ").replace(/^./, (letter) => letter.toUpperCase());
}

function notesOn({ tried, diagnostics }: Answers): (string | false)[] {
  const known = tried.filter(({ source }) => source === "business").length;
  const { business, subscriptions } = diagnostics?.configuration.secrets ?? { business: 0, subscriptions: 0 };
  const isDerived = business === 0 && subscriptions > 0;
  const more = business - known;
  return [
    diagnostics === undefined && "Whether the official vectors hold there was not asked: see `access`.",
    isDerived && "The live secret is the relay's own, which nobody else has: the canaries were not signed with it.",
    known === 0 &&
      !isDerived &&
      "The live secret was not tried: set QONTO_WEBHOOK_SECRETS here to have canaries signed with it.",
    known > 0 && more > 0 && `The relay has more secrets of the Business API than are known here: ${more}.`,
  ];
}

async function trySecrets(target: Target, source: Source): Promise<TriedSecret[]> {
  const { secrets, progress } = target.circumstances;
  const tried: TriedSecret[] = [];
  for (const [index, secret] of (secrets[source]?.values ?? []).entries()) {
    progress(`signature: ${source} secret ${index + 1} …`);
    const name = `secret ${index + 1} of ${secrets[source]?.from ?? ""}`;
    const answer = await target.canary({ source, secret });
    const mistake = answer.code === "signature_mismatch" ? await findMistake(target, source, secret) : null;
    tried.push({ source, secret, name, answer, mistake });
  }
  return tried;
}

/** Makes the mistakes that people make with a secret until the relay accepts a canary. */
async function findMistake(target: Target, source: Source, secret: string): Promise<Mistake | null> {
  const withoutSpace = { value: secret.replaceAll(/\s/g, ""), mistake: secretWithWhiteSpace };
  for (const { value, mistake } of [...guessKeys(secret), withoutSpace]) {
    if (value !== secret && (await target.canary({ source, secret: value })).accepted) return mistake;
  }
  return null;
}

/** Why a canary signed with a secret was not accepted, as far as its answer tells. */
function judgeSecret({ source, secret, name, answer, mistake }: TriedSecret): Finding | false {
  const seen = `A canary signed with ${name} was answered ${describeAnswer(answer)}.`;
  const variable = secretNames[source];
  if (looksLikeApiKey(secret) && (answer.accepted || mistake === null)) {
    return { fault: "api_key_as_secret", seen, about: { name } };
  }
  if (mistake !== null && isFaultName(mistake.code)) {
    return { fault: mistake.code, seen: `${seen} ${mistake.explanation}`, about: { name } };
  }
  if (answer.code === "signature_mismatch") {
    const nor = "Nor does it fit without white space, quotes or `whsec_`, or decoded.";
    return { fault: "secret_unknown", seen: `${seen} ${nor}`, about: { name, variable } };
  }
  if (answer.code === "not_configured") {
    return {
      fault: source === "business" ? "relay_not_configured" : "onboarding_secret_missing",
      seen,
      about: { variable },
    };
  }
  return judgeHeader(answer, seen);
}

/** Whether the signature's header arrived as it was sent. */
function judgeHeader({ code }: WebhookAnswer, seen: string): Finding | false {
  if (code === "signature_missing") return { fault: "signature_dropped", seen };
  return code === "signature_malformed" && { fault: "signature_changed", seen };
}

function isTaken({ status }: WebhookAnswer): boolean {
  return status !== null && status < 300;
}
