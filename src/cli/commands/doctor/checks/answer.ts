import { type Finding, type Result, judged, skipped } from "../finding.ts";
import { CannotExamine, type Patient } from "../patient.ts";
import { type Answer, describeAnswer } from "../probe.ts";
import { migrationsMissing } from "./migrations.ts";

/** Qonto hangs up after it, and sends again. */
const QONTO_WAITS_MS = 1_000;

/** The relay's own words once it has read a request: what they mean is for the check of the signature. */
const aboutSignature = /^(signature_|timestamp_)/;

/** Qonto wants its POST answered with 2xx within a second. */
export async function examineAnswer(patient: Patient): Promise<Result> {
  if ("code" in (await patient.addresses())) throw new CannotExamine(skipped("Its host is not found: see `address`."));
  const { target, secrets } = patient.circumstances;
  return judgeAnswers(await patient.tries(), { url: target.webhookUrl, isSigned: secrets.business !== null });
}

export function judgeAnswers(
  answers: readonly Answer[],
  { url, isSigned }: { readonly url: string; readonly isSigned: boolean },
): Result {
  const durations = answers.map(({ durationMs }) => durationMs).toSorted((one, other) => one - other);
  const worst = Math.round(durations.at(-1) ?? 0);
  const median = Math.round(durations[Math.floor(durations.length / 2)] ?? 0);
  const times = `${answers.length} POSTs: median ${median} ms, worst ${worst} ms`;
  const wrong = Map.groupBy(
    answers.flatMap((answer) => {
      const kind = kindOf(answer);
      return kind === null ? [] : [{ answer, kind }];
    }),
    ({ kind }) => kind,
  );
  const findings = Array.from(wrong, ([kind, cases]): Finding => {
    const shown = [...new Set(cases.map(({ answer }) => describe(answer)))].join("; ");
    return { ...kind, seen: `POST ${url}, ${cases.length} of ${answers.length} times: ${shown}.` };
  });
  if (worst > QONTO_WAITS_MS && !wrong.has(kinds.silent)) findings.push({ ...kinds.slow, seen: `${times}.` });
  const taken = answers.every(({ accepted }) => accepted);
  return judged(
    findings,
    `${taken ? "Answered 200 within 1 s" : `In time, if with ${describe(answers[0])}: see \`signature\``}. ${times}.`,
    isSigned || taken
      ? []
      : ["The POSTs bore no signature, so nothing was written: with QONTO_WEBHOOK_SECRETS the time is the real one."],
  );
}

function describe(answer: Answer | undefined): string {
  if (answer === undefined) return "nothing";
  return answer.location === null ? describeAnswer(answer) : `${describeAnswer(answer)} to ${answer.location}`;
}

type Kind = Omit<Finding, "seen">;

const kinds = {
  unreachable: {
    fault: "relay_unreachable",
    what: "Nobody answers at the relay's address.",
    remedy: "Start it with `npm start`, or look at the Worker's route and its last deploy.",
    commands: ["npx wrangler deployments list"],
  },
  silent: {
    fault: "answer_too_slow",
    what: "The relay takes the connection and does not answer: Qonto hangs up after 1 s and sends again.",
    remedy: "Look at the relay's log, and restart it if it is a local one.",
    commands: ["npx wrangler tail"],
  },
  slow: {
    fault: "answer_too_slow",
    what: "Qonto hangs up after 1 s and sends again: every event comes several times, and in the end none.",
    remedy: "Look at /health and at what stands before the relay; D1 and queue are waited for 750 ms at most.",
  },
  access: {
    fault: "behind_access",
    what: "Cloudflare Access stands before the webhook address, and Qonto cannot log in.",
    remedy:
      "In Zero Trust, Access controls, Applications: protect only /console and /api of this host, or add a Bypass policy for the path /webhooks/qonto (and /health). An account that requires Access for all Workers needs this exception too.",
  },
  redirected: {
    fault: "redirected",
    what: "The address redirects, which Qonto does not follow.",
    remedy: "Subscribe with the address it leads to, or take the redirect away.",
  },
  notFound: {
    fault: "path_not_found",
    what: "Nothing takes webhooks at this address.",
    remedy: "Look at the host: the relay's path is /webhooks/qonto. Is it the relay that is deployed there?",
  },
  postRefused: {
    fault: "post_refused",
    what: "The address does not take POST.",
    remedy: "Look at what stands before the relay: it must let POST through to /webhooks/qonto.",
  },
  login: {
    fault: "login_before_relay",
    what: "Something before the relay asks for a login, which Qonto has not.",
    remedy: "Let /webhooks/qonto through (a firewall, bot protection): the relay checks the signature itself.",
  },
  notConfigured: {
    fault: "relay_not_configured",
    what: "The relay is not configured to take the events of Qonto's subscriptions, and refuses each.",
    remedy: "Set what `health` below names; of a local one, put it into .dev.vars and restart it.",
    commands: ["npx wrangler secret put NAME"],
  },
  notReady: migrationsMissing,
  notStored: {
    fault: "not_stored",
    what: "D1 does not write a probe down in time: events hang on the queue alone, and what it does not take gets 503.",
    remedy: "Look at `health` below, at Cloudflare's status page, and at the account's limits.",
  },
  error: {
    fault: "relay_error",
    what: "The relay fails.",
    remedy: "Look at its log.",
    commands: ["npx wrangler tail"],
  },
  stranger: {
    fault: "not_a_relay",
    what: "What answers there is not this relay.",
    remedy: "Look at the address, and at what is deployed there.",
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** What is wrong with an answer; null when the request reached the relay and was read. */
function kindOf({ status, code, accepted, reason, isFromAccess }: Answer): Kind | null {
  if (status === null) return reason === "no answer in time" ? kinds.silent : kinds.unreachable;
  if (accepted || (code !== null && aboutSignature.test(code))) return null;
  if (code === "not_configured") return kinds.notConfigured;
  if (code === "not_ready") return kinds.notReady;
  if (code === "not_stored") return kinds.notStored;
  if (isFromAccess) return kinds.access;
  if (status >= 300 && status < 400) return kinds.redirected;
  if (status === 404 || status === 410) return kinds.notFound;
  if (status === 405) return kinds.postRefused;
  if ([401, 403, 407].includes(status)) return kinds.login;
  return status >= 500 ? kinds.error : kinds.stranger;
}

/** Whether requests come as far as the relay's check of signatures. */
export function reachesSignatureCheck(answers: readonly Answer[]): boolean {
  return answers.some((answer) => answer.status !== null && kindOf(answer) === null);
}
