import type { Source } from "../../../domain/event.ts";
import { type Mistake, likely } from "../verify/mistakes.ts";
import { type Finding, isFaultName } from "./finding.ts";
import { type Answer, describeAnswer } from "./probe.ts";

/** What became of a probe signed with a secret that this machine knows. */
export interface SecretTried {
  readonly source: Source;
  /** As `secret 1 of QONTO_WEBHOOK_SECRETS`. */
  readonly name: string;
  readonly answer: Answer;
  readonly looksLikeApiKey: boolean;
  /** In which other writing the relay knows it; null when in none. */
  readonly mistake: Mistake | null;
}

/** Why a probe signed with a secret was not taken, as far as its answer tells; empty when all is well with it. */
export function judgeSecret({ source, name, answer, looksLikeApiKey, mistake }: SecretTried): Finding[] {
  const variable = source === "business" ? "QONTO_WEBHOOK_SECRETS" : "QONTO_ONBOARDING_SECRETS";
  const seen = `A probe signed with ${name} was answered ${describeAnswer(answer)}.`;
  if (answer.accepted && !looksLikeApiKey) return [];
  if (looksLikeApiKey && (answer.accepted || mistake === null)) {
    const { explanation, remedy } = likely.apiKey;
    const what = answer.accepted
      ? `The relay's ${name} looks like an API key or an access token: Qonto signs with the secret of the subscription.`
      : `${capital(name)} is not the relay's. ${explanation.replace(/;.*$/, ".")}`;
    return [{ fault: "api_key_as_secret", what, seen, remedy }];
  }
  switch (answer.code) {
    case "signature_mismatch":
      return [judgeMismatch({ name, variable, seen, mistake })];
    case "signature_missing":
      return [
        {
          fault: "signature_dropped",
          what: "The signature's header does not reach the relay.",
          seen,
          remedy:
            "Look at what stands before the relay (a proxy, a rule that removes headers): it must let X-Qonto-Signature and Qonto-SHA256-Signature through.",
        },
      ];
    case "signature_malformed":
      return [
        {
          fault: "signature_changed",
          what: "The signature's header reaches the relay in another form than it was sent.",
          seen,
          remedy: "Look at what stands before the relay: it must hand headers on as they are, commas and all.",
        },
      ];
    case "not_configured":
      return [
        {
          fault: source === "business" ? "relay_not_configured" : "onboarding_secret_missing",
          what: `The relay has no ${variable}, and refuses every event of that system.`,
          seen,
          remedy: "Give it the secret; of a local one, put it into .dev.vars and restart it.",
          commands: [`npx wrangler secret put ${variable}`],
        },
      ];
    default:
      return [];
  }
}

function judgeMismatch(about: {
  readonly name: string;
  readonly variable: string;
  readonly seen: string;
  readonly mistake: Mistake | null;
}): Finding {
  const { name, variable, seen, mistake } = about;
  if (mistake !== null && isFaultName(mistake.code)) {
    return {
      fault: mistake.code,
      what: `The relay knows ${name}, but not as it is written here.`,
      seen: `${seen} ${mistake.explanation}`,
      remedy:
        "Write it on both sides exactly as Qonto showed it when the subscription was created: its whole text is the key.",
    };
  }
  return {
    fault: "secret_unknown",
    what: `The relay does not know ${name}: if Qonto signs with it, every event is refused.`,
    seen: `${seen} Nor does it fit without white space, quotes or \`whsec_\`, or decoded.`,
    remedy:
      "If it is a subscription's secret, give the relay all secrets, comma-separated (a local one reads .dev.vars when it starts). If it is none any more, take it out here.",
    commands: [`npx wrangler secret put ${variable}`],
  };
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
