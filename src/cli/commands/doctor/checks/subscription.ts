import { QontoRefusal } from "../../../qonto-refusal.ts";
import { Fault } from "../../../fault.ts";
import { plainPath } from "../../../../platform/plain-path.ts";
import type { Subscription } from "../../subscriptions/subscription.ts";
import { type FaultName, type Finding, type Result, failed, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Target } from "../target.ts";
import { isPublic } from "./address.ts";

/** Whether the host of a subscription's address can be called at all. */
type Reach = "public" | "private" | "unknown_host" | "not_told";

export interface Listed {
  readonly subscription: Subscription;
  readonly reach: Reach;
}

/** `GET /v2/webhook_subscriptions`: it exists, and points here. A subscription that is listed is active. */
export async function examineSubscription(patient: Patient): Promise<Result> {
  const { target, isSandbox, world } = patient.circumstances;
  try {
    const subscriptions = await patient.subscriptions();
    const listed = await Promise.all(
      subscriptions.map(
        async (subscription) =>
          ({
            subscription,
            reach: leadsTo(subscription, target) ? "not_told" : await reachOf(subscription.callback_url, world.lookup),
          }) satisfies Listed,
      ),
    );
    return judgeSubscriptions(listed, target, isSandbox);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return failed(refusedByQonto(error));
  }
}

export function judgeSubscriptions(listed: readonly Listed[], target: Target, isSandbox: boolean): Result {
  const here = listed.filter(({ subscription }) => leadsTo(subscription, target));
  const elsewhere = listed.filter(({ subscription }) => !leadsTo(subscription, target));
  const tail = isSandbox ? " --sandbox" : "";
  const astray = elsewhere.flatMap((one) => judgeElsewhere(one, target, tail));
  const others = elsewhere.filter((one) => judgeElsewhere(one, target, tail).length === 0);
  const missing: Finding = {
    fault: "subscription_missing",
    what: `No subscription of this user and client sends to ${target.webhookUrl}: nothing will come.`,
    seen: `GET /v2/webhook_subscriptions lists ${
      listed.length === 0 ? "none" : listed.map(({ subscription }) => shown(subscription)).join("; ")
    }.`,
    ...(target.isLocal
      ? { remedy: "Qonto cannot reach this machine: subscribe a tunnel to it, or the relay where it is deployed." }
      : {
          remedy:
            "Subscribe, and give the relay the secret that is shown. If there should be one: it belongs to the user and client of the token that made it.",
          commands: [`npm run qonto -- subscriptions create --url ${target.webhookUrl} --types v1/transactions${tail}`],
        }),
  };
  return judged(
    [...(here.length === 0 ? [missing] : []), ...astray, ...judgeDuplicates(here, tail)],
    `${here.length === 1 ? "One sends" : `${here.length} send`} to this address: ${here
      .map(({ subscription: { id, types } }) => `${id} (${types.length} types)`)
      .join(", ")}.`,
    others.map(({ subscription }) => `Another subscription sends elsewhere: ${shown(subscription)}.`),
  );
}

function judgeElsewhere({ subscription, reach }: Listed, target: Target, tail: string): Finding[] {
  // Who examines a relay on this machine plays Qonto there, too.
  const isPlay = target.isLocal && reach === "private";
  const url = URL.parse(subscription.callback_url);
  const common = {
    seen: `Subscription ${shown(subscription)}.`,
    remedy: "Point it here, or delete it if it is not needed.",
    commands: [
      `npm run qonto -- subscriptions update ${subscription.id} --url ${target.webhookUrl}${tail}`,
      `npm run qonto -- subscriptions delete ${subscription.id}${tail}`,
    ],
  };
  if (url !== null && isSameHost(url, new URL(target.origin))) {
    const what =
      "A subscription points to this host, but not to where the relay takes webhooks: its events are refused.";
    return [{ fault: "subscription_path_wrong", what, ...common }];
  }
  const reasons: Partial<Record<Reach, string>> = {
    unknown_host: "a host that no longer exists",
    private: "a private network",
  };
  const reason = reasons[reach];
  if (reason === undefined || isPlay) return [];
  return [{ fault: "subscription_stale", what: `A subscription points to ${reason}: its events are lost.`, ...common }];
}

function judgeDuplicates(here: readonly Listed[], tail: string): Finding[] {
  const byType = Map.groupBy(
    here.flatMap(({ subscription: { id, types } }) => types.map((type) => ({ id, type }))),
    ({ type }) => type,
  );
  const twice = [...byType].filter(([, holders]) => holders.length > 1);
  if (twice.length === 0) return [];
  const ids = [...new Set(twice.flatMap(([, holders]) => holders.map(({ id }) => id)))];
  return [
    {
      fault: "subscription_duplicate",
      what: "Several subscriptions send the same types here: each event may come several times, under several secrets.",
      seen: `${ids.join(" and ")} both send ${twice.map(([type]) => type).join(", ")}.`,
      remedy:
        "While a secret is being changed this is how it must be. When events come with the new one, delete the older.",
      commands: ids.map((id) => `npm run qonto -- subscriptions delete ${id}${tail}`),
    },
  ];
}

function shown({ id, callback_url }: Subscription): string {
  return `${id} → ${callback_url}`;
}

/** Whether a subscription sends to the relay that is examined; Qonto's are https, whatever --url is. */
export function leadsTo({ callback_url }: Subscription, { webhookUrl }: Target): boolean {
  const [one, other] = [URL.parse(callback_url), new URL(webhookUrl)];
  return one !== null && isSameHost(one, other) && plainPath(one.pathname) === other.pathname;
}

function isSameHost(one: URL, other: URL): boolean {
  const [host, otherHost] = [one, other].map(({ hostname }) => (isLoopback(hostname) ? "localhost" : hostname));
  return host === otherHost && one.port === other.port;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

async function reachOf(address: string, lookup: (host: string) => Promise<string[]>): Promise<Reach> {
  const host = URL.parse(address)?.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === undefined) return "unknown_host";
  try {
    return (await lookup(host)).every(isPublic) ? "public" : "private";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOTFOUND" ? "unknown_host" : "not_told";
  }
}

const refusals: Readonly<Record<number, { readonly fault: FaultName; readonly what: string }>> = {
  401: {
    fault: "qonto_token_refused",
    what: "Qonto does not know the access token: it has expired, or is of another environment.",
  },
  403: { fault: "qonto_scope_missing", what: "The access token lacks the scope `webhook`." },
  429: { fault: "qonto_rate_limited", what: "Qonto's rate limit is reached." },
};

function refusedByQonto(error: Fault): Finding {
  const kind = error instanceof QontoRefusal ? refusals[error.status] : undefined;
  return {
    ...(kind ??
      (error instanceof QontoRefusal
        ? ({ fault: "qonto_answer_odd", what: "Qonto's API answers as it should not." } as const)
        : ({ fault: "qonto_unreachable", what: "Qonto's API cannot be asked from here." } as const))),
    seen: `GET /v2/webhook_subscriptions: ${error.message}`,
    remedy: error.remedy ?? "Look at Qonto's status page, and run the doctor again.",
  };
}
