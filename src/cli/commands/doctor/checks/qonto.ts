import { plainPath } from "../../../../platform/plain-path.ts";
import { QontoRefusal, QontoUnavailable } from "../../../../qonto/api-client.ts";
import { sourceOfType } from "../../../../qonto/sample-event.ts";
import { faultOf } from "../../../qonto-fault.ts";
import { isOnThisMachine } from "../../../settings.ts";
import { WEBHOOK_PATH } from "../../../webhook.ts";
import type { Destination } from "../../destinations.ts";
import { type Subscription, businessTypes } from "../../subscriptions.ts";
import { type Address, hostOf } from "../circumstances.ts";
import type { FaultName } from "../faults.ts";
import { type Finding, type Result, failed, judged, skipped } from "../finding.ts";
import { CheckEnded, type Diagnostics, type Target } from "../target.ts";
import { isActive } from "./connection.ts";
import { isPublic } from "./network.ts";

interface Listed {
  readonly subscription: Subscription;
  /** Where its address leads that Qonto cannot reach; null when Qonto can, nobody knows, or it leads to this relay. */
  readonly lostIn: string | null;
}

/** `GET /v2/webhook_subscriptions`: it exists, and points here. A subscription that is listed is active. */
export async function checkSubscription(target: Target): Promise<Result> {
  const ofConnections = (await target.knownConnections()).flatMap((one) => one.subscriptions.filter(isActive));
  const { address, qonto } = target.circumstances;
  if (!("thing" in qonto) && ofConnections.length > 0) return skipped("The relay keeps its own: see `connection`.");
  try {
    const subscriptions = await target.subscriptions();
    const listed = await Promise.all(
      subscriptions.map(async (subscription) => ({ subscription, lostIn: await whereLost(subscription, target) })),
    );
    return judgeSubscriptions(listed, address, ofConnections.length);
  } catch (error) {
    const fault = faultOf(error);
    if (fault === null) throw error;
    return failed({ fault: faultOfQonto(error), seen: `GET /v2/webhook_subscriptions: ${fault.message}` });
  }
}

/** `ofConnections`: subscriptions that the relay keeps itself. Another client's token does not list them. */
export function judgeSubscriptions(listed: readonly Listed[], address: Address, ofConnections = 0): Result {
  const here = listed.filter(({ subscription }) => leadsTo(subscription, address));
  const elsewhere = listed
    .filter((one) => !here.includes(one))
    .map((one) => ({ ...one, finding: judgeElsewhere(one, address) }));
  const all = listed.map(({ subscription }) => shown(subscription)).join("; ");
  const types = here.map(({ subscription }) => `${subscription.id} (${subscription.types.length} types)`).join(", ");
  return judged(
    [
      here.length + ofConnections === 0 && {
        fault: "subscription_missing",
        seen: `GET /v2/webhook_subscriptions lists ${all || "none"}.`,
        about: { callback: address.isLocal ? `https://<tunnel>${WEBHOOK_PATH}` : address.webhookUrl },
      },
      ...elsewhere.map(({ finding }) => finding),
      judgeDuplicates(here),
    ],
    here.length === 0
      ? "This token lists none to this address; the relay keeps its own: see `connection`."
      : `${here.length === 1 ? "One sends" : `${here.length} send`} to this address: ${types}.`,
    elsewhere.map(
      ({ subscription, finding }) =>
        finding === false && `Another subscription sends elsewhere: ${shown(subscription)}.`,
    ),
  );
}

function judgeElsewhere({ subscription, lostIn }: Listed, { origin }: Address): Finding | false {
  const { id, callback_url } = subscription;
  const seen = `Subscription ${shown(subscription)}.`;
  const url = URL.parse(callback_url);
  if (url !== null && isSameHost(url, new URL(origin))) {
    return { fault: "subscription_path_wrong", seen, about: { id } };
  }
  return lostIn !== null && { fault: "subscription_stale", seen, about: { id, place: lostIn } };
}

function judgeDuplicates(here: readonly Listed[]): Finding | false {
  const byType = Map.groupBy(
    here.flatMap(({ subscription: { id, types } }) => types.map((type) => ({ id, type }))),
    ({ type }) => type,
  );
  const twice = [...byType].filter(([, holders]) => holders.length > 1);
  if (twice.length === 0) return false;
  const ids = [...new Set(twice.flatMap(([, holders]) => holders.map(({ id }) => id)))];
  const types = twice.map(([type]) => type).join(", ");
  return { fault: "subscription_duplicate", seen: `${ids.join(" and ")} both send ${types}.`, about: { id: ids } };
}

function shown({ id, callback_url }: Subscription): string {
  return `${id} → ${callback_url}`;
}

/** Whether a subscription sends to the relay that is examined; Qonto's are https, whatever --url is. */
function leadsTo({ callback_url }: Subscription, { webhookUrl }: Address): boolean {
  const [one, other] = [URL.parse(callback_url), new URL(webhookUrl)];
  return one !== null && isSameHost(one, other) && plainPath(one.pathname) === other.pathname;
}

function isSameHost(one: URL, other: URL): boolean {
  const [host, otherHost] = [one, other].map((url) => (isOnThisMachine(url.href) ? "localhost" : url.hostname));
  return host === otherHost && one.port === other.port;
}

async function whereLost(subscription: Subscription, target: Target): Promise<string | null> {
  const { address } = target.circumstances;
  if (leadsTo(subscription, address)) return null;
  const noHost = "a host that does not exist";
  const url = URL.parse(subscription.callback_url);
  if (url === null) return noHost;
  const addresses = await target.lookUp(hostOf(url));
  if ("code" in addresses) return addresses.code === "ENOTFOUND" ? noHost : null;
  // With a relay on this machine, Qonto is simulated here too.
  const isReached = address.isLocal || addresses.found.every(isPublic);
  return isReached ? null : "a private network";
}

const refusals: Readonly<Record<number, FaultName>> = {
  401: "qonto_token_refused",
  403: "qonto_scope_missing",
  429: "qonto_rate_limited",
};

function faultOfQonto(error: unknown): FaultName {
  const isAnswer = error instanceof QontoRefusal || error instanceof QontoUnavailable;
  if (!isAnswer || error.status === null) return "qonto_unreachable";
  return refusals[error.status] ?? "qonto_answer_odd";
}

/** What the destinations want must be subscribed to: each subscription sends the types it names, and no other. */
export async function checkTypes(target: Target): Promise<Result> {
  const { address, qonto } = target.circumstances;
  if (!("thing" in qonto)) return skipped("There is no access to Qonto's API: see `subscription`.");
  const subscriptions = await target.subscriptions().catch((error: unknown) => {
    if (faultOf(error) === null) throw error;
    throw new CheckEnded(skipped("Qonto does not list its subscriptions: see `subscription`."));
  });
  const here = subscriptions.filter((subscription) => leadsTo(subscription, address));
  if (here.length === 0) return skipped("There is no subscription to this address: see `subscription`.");
  return judgeTypes(here, await target.destinations());
}

/** A destination of all types takes what there is. A pattern wants at least one type that it fits. */
export function judgeTypes(here: readonly Subscription[], destinations: readonly Destination[]): Result {
  const subscribed = [...new Set(here.flatMap(({ types }) => types))];
  const wanted = Map.groupBy(
    destinations.flatMap((one) => one.types.map((type) => ({ type, destination: one.description || one.url }))),
    ({ type }) => type,
  );
  const isMissing = (type: string) => type.startsWith("v1/") && !subscribed.some((one) => fits(type, one));
  const missing = [...wanted].filter(([type]) => isMissing(type));
  const types = missing.map(([type]) => type);
  const wantedBy = [...new Set(missing.flatMap(([, those]) => those.map(({ destination }) => destination)))];
  return judged(
    [
      missing.length > 0 && {
        fault: "type_not_subscribed",
        seen: `Wanted by ${wantedBy.join(", ")}; subscribed are ${subscribed.join(", ")}.`,
        about: {
          types: types.join(", "),
          id: here[0]?.id ?? "<id>",
          all: [...subscribed, ...types.filter((type) => !type.endsWith("*"))].join(","),
        },
      },
    ],
    `Subscribed to all that destinations name: ${subscribed.join(", ")}.`,
    notesOn(subscribed, destinations),
  );
}

function notesOn(subscribed: readonly string[], destinations: readonly Destination[]): (string | false)[] {
  if (destinations.length === 0) return ["There is no destination yet: events are kept, and sent nowhere."];
  const takesAll = destinations.some(({ types }) => types.length === 0);
  const patterns = destinations.flatMap(({ types }) => types);
  const unwanted = subscribed.filter((type) => !takesAll && !patterns.some((pattern) => fits(pattern, type)));
  const unsubscribed = businessTypes.filter((type) => !subscribed.includes(type));
  return [
    unwanted.length > 0 && `Subscribed, and wanted by no destination: ${unwanted.join(", ")}.`,
    takesAll &&
      unsubscribed.length > 0 &&
      `A destination takes all types; not subscribed are ${unsubscribed.join(", ")}.`,
  ];
}

function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** The Onboarding API does not say what is registered with it: the relay says whether it is ready, and what arrived. */
export async function checkOnboarding(target: Target): Promise<Result> {
  const { partnerId, secrets } = target.circumstances;
  const diagnostics = await target.diagnostics();
  if (partnerId === null && secrets.onboarding === null && diagnostics.configuration.secrets.onboarding === 0) {
    return skipped("The Onboarding API is not used.", "If it is: QONTO_PARTNER_ID and QONTO_ONBOARDING_SECRETS.");
  }
  return judgeOnboarding(diagnostics);
}

function judgeOnboarding({ configuration, traffic }: Diagnostics): Result {
  const arrived = traffic.filter(({ type }) => sourceOfType(type) === "onboarding");
  const last = arrived
    .map(({ last_received_at }) => last_received_at)
    .toSorted()
    .at(-1);
  const seen = "QONTO_PARTNER_ID or QONTO_ONBOARDING_SECRETS is set here; the relay has no onboarding secret.";
  return judged(
    [configuration.secrets.onboarding === 0 && { fault: "onboarding_secret_missing", seen }],
    last === undefined
      ? "The relay has its secret; no event of it has arrived in the last 30 days."
      : `The relay has its secret; the last event arrived at ${last}.`,
    [last === undefined && "Qonto does not say what is registered with it: `onboarding register` sets it again."],
  );
}
