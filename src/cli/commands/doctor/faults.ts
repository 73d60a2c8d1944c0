import { WEBHOOK_PATH } from "../../webhook.ts";
import { UNREACHABLE_REMEDY, qontoRemedies } from "../../qonto-fault.ts";
import { accessRemedy } from "../../cloudflare-access.ts";
import { connectionFaults } from "./connection-faults.ts";
import type { FaultText } from "./fault-text.ts";

const TAIL = "npx wrangler tail";
const DEPLOY = "npm run deploy";
const SET_NTP = "Set it by the network: timedatectl set-ntp true, or the machine's own way.";
const AUTHORIZED = 'curl -X POST -H "Authorization: Bearer $ADMIN_TOKEN"';

/** The relay accepts a canary that is signed with another writing of the secret. */
const secretWrittenOtherwise = {
  means: "The relay knows {name}, but not as it is written here.",
  remedy:
    "Write it on both sides exactly as Qonto showed it when the subscription was created: its whole text is the key.",
};

const subscribedElsewhere = {
  remedy: "Point it here, or delete it if it is not needed.",
  commands: [
    "npm run qonto -- subscriptions update {id} --url {webhook}{sandbox}",
    "npm run qonto -- subscriptions delete {id}{sandbox}",
  ],
};

const silence = {
  remedy:
    "Look at `subscription` and `answer` first. Qonto abandons an event after some days of failure: make a new one (a small transfer) to see that it arrives, and ask Qonto whether the subscription still sends.",
};

/** All faults that the doctor can find, by the names that programs rely on. In the order of the checks that find them. */
export const faults = {
  url_path_wrong: {
    means: `The relay takes webhooks at ${WEBHOOK_PATH}, and nowhere else.`,
    remedy: "If a subscription has that address as well, update it.",
    commands: ["npm run qonto -- subscriptions list{sandbox}"],
  },
  url_not_https: {
    means: "Qonto calls https only.",
    remedy: "Give the address with https://; a Worker has it by itself.",
  },
  host_unknown: {
    means: "There is no host of the name {host}.",
    remedy: "Look for a misprint, and whether the domain's DNS record or the Worker's route still exists.",
  },
  host_lookup_failed: {
    means: "The name {host} cannot be looked up from here.",
    remedy: "Look at this machine's connection and at the domain's name servers.",
  },
  address_private: {
    means: "The host leads into a private network, where Qonto cannot reach it.",
    remedy: "Give the host a public address, or a tunnel to it, and subscribe with that.",
  },

  tls_fails: {
    means: "No https connection can be made.",
    remedy: "Look whether a server listens there, and whether it speaks TLS on that port.",
  },
  certificate_expired: {
    means: "The certificate has expired: Qonto does not call.",
    remedy: "Renew it now, and look why that did not happen by itself.",
  },
  certificate_for_another_host: {
    means: "The certificate is for another name: Qonto does not call.",
    remedy: "Get one for this name, or subscribe with the name that it is for.",
  },
  certificate_untrusted: {
    means: "The certificate is not from an authority that clients trust: Qonto does not call.",
    remedy: "Use one of a public authority, and have the server send the whole chain.",
  },
  certificate_expires_soon: {
    means: "The certificate is about to expire; then Qonto's calls fail at once.",
    remedy: "Look why it has not been renewed by itself, and renew it.",
  },

  relay_unreachable: {
    means: "Nothing answers at the relay's address.",
    remedy: "Start it with `npm start`, or look at the Worker's route and its last deploy.",
    commands: ["npx wrangler deployments list"],
  },
  answer_too_slow: {
    means: "The relay does not answer within 1 s: Qonto hangs up, sends the event again, and in the end abandons it.",
    remedy:
      "Look at /health, at the relay's log and at what is in front of the relay; D1 and queue are waited for 750 ms at most. Restart a local relay.",
    commands: [TAIL],
  },
  behind_access: {
    means: "Cloudflare Access protects the webhook address, and Qonto cannot log in.",
    remedy: `In Zero Trust, Access controls, Applications: protect only /console and /api of this host, or add a Bypass policy for the path ${WEBHOOK_PATH} (and /health). An account that requires Access for all Workers needs this exception too.`,
  },
  redirected: {
    means: "The address redirects, which Qonto does not follow.",
    remedy: "Subscribe with the address it leads to, or remove the redirect.",
  },
  path_not_found: {
    means: "Nothing takes webhooks at this address.",
    remedy: `Look at the host: the relay's path is ${WEBHOOK_PATH}. Is it the relay that is deployed there?`,
  },
  post_refused: {
    means: "The address does not take POST.",
    remedy: `Look at what is in front of the relay: it must let POST through to ${WEBHOOK_PATH}.`,
  },
  login_before_relay: {
    means: "Something before the relay asks for a login, which Qonto has not.",
    remedy: `Let ${WEBHOOK_PATH} through (a firewall, bot protection): the relay checks the signature itself.`,
  },
  not_a_relay: {
    means: "What answers there is not this relay.",
    remedy: "Look at the address, and at what is deployed there.",
  },
  relay_not_configured: {
    means: "The relay lacks {variable}, or cannot use it as it is, and refuses or leaves undone what needs it.",
    remedy: "Set it as /health says. For a local relay put it into .dev.vars and restart it.",
    commands: ["npx wrangler secret put {variable}"],
  },
  migrations_missing: {
    means: "The database lacks tables or columns that this version of the relay uses: every event is refused.",
    remedy:
      "Run `npm run deploy`, which applies them before it deploys. Restart a local one: `npm start` applies them.",
    commands: [DEPLOY],
  },
  not_stored: {
    means: "D1 does not write a canary in time: events depend on the queue only, and what it does not take gets 503.",
    remedy: "Look at `health` below, at Cloudflare's status page, and at the account's limits.",
  },
  relay_error: { means: "The relay fails.", remedy: "Look at its log.", commands: [TAIL] },

  qonto_token_refused: {
    means: "Qonto does not know the access token: it has expired, or is of another environment.",
    remedy: qontoRemedies[401],
  },
  qonto_scope_missing: { means: "The access token lacks the scope `webhook`.", remedy: qontoRemedies[403] },
  qonto_rate_limited: { means: "Qonto's rate limit is reached.", remedy: qontoRemedies[429] },
  qonto_unreachable: { means: "Qonto's API cannot be asked from here.", remedy: UNREACHABLE_REMEDY },
  qonto_answer_odd: {
    means: "Qonto's API answers as it should not.",
    remedy: "Look at Qonto's status page, and run the doctor again.",
  },
  subscription_missing: {
    means: "No subscription of this user and client sends to {webhook}: nothing will arrive.",
    remedy:
      "Subscribe, and give the relay the secret that is shown. If there should be one: it belongs to the user and client of the token that made it. Qonto cannot reach a relay on this machine: subscribe a tunnel to it.",
    commands: ["npm run qonto -- subscriptions create --url {callback} --types v1/transactions{sandbox}"],
  },
  subscription_path_wrong: {
    means: "A subscription points to this host, but not to where the relay takes webhooks: its events are refused.",
    ...subscribedElsewhere,
  },
  subscription_stale: { means: "A subscription points to {place}: its events are lost.", ...subscribedElsewhere },
  subscription_duplicate: {
    means:
      "Several subscriptions send the same types here: each event may arrive several times, under several secrets.",
    remedy:
      "While a secret is being changed this is how it must be. When events arrive with the new one, delete the older.",
    commands: ["npm run qonto -- subscriptions delete {id}{sandbox}"],
  },
  type_not_subscribed: {
    means: "Destinations want events that no subscription sends: {types}.",
    remedy: "Subscribe to them too; the token needs the scope of each type.",
    commands: ["npm run qonto -- subscriptions update {id} --types {all}{sandbox}"],
  },
  ...connectionFaults,
  onboarding_secret_missing: {
    means: "The Onboarding API is used, but the relay lacks its secret and refuses its events.",
    remedy: "Give it the secret. For a local relay put it into .dev.vars and restart it.",
    commands: ["npx wrangler secret put QONTO_ONBOARDING_SECRETS"],
  },

  signature_code_wrong: {
    means: "The relay's verification does not agree with Qonto's official test vectors.",
    remedy: "Deploy a version whose tests pass.",
  },
  secret_unknown: {
    means: "The relay does not know {name}: if Qonto signs with it, every event is refused.",
    remedy:
      "If it is a subscription's secret, give the relay all secrets, comma-separated (a local one reads .dev.vars when it starts). If it is none any more, remove it here.",
    commands: ["npx wrangler secret put {variable}"],
  },
  secret_with_white_space: secretWrittenOtherwise,
  secret_in_quotes: secretWrittenOtherwise,
  secret_prefix_stripped: secretWrittenOtherwise,
  secret_prefix_missing: secretWrittenOtherwise,
  secret_base64_decoded: secretWrittenOtherwise,
  secret_hex_decoded: secretWrittenOtherwise,
  api_key_as_secret: {
    means:
      "What is set as {name} looks like an API key or an access token: Qonto signs with the secret of the subscription.",
    remedy:
      "Use the secret that Qonto showed when the subscription was created. If it is lost, create a second subscription.",
  },
  signature_dropped: {
    means: "The signature's header does not reach the relay.",
    remedy:
      "Look at what is in front of the relay (a proxy, a rule that removes headers): it must let X-Qonto-Signature and Qonto-SHA256-Signature through.",
  },
  signature_changed: {
    means: "The signature's header reaches the relay in another form than it was sent.",
    remedy: "Look at what is in front of the relay: it must pass headers on as they are, commas and all.",
  },
  forged_accepted: {
    means: "Events with a forged signature are accepted: anybody can invent them.",
    remedy: "Look at what answers there: the relay never does this.",
  },
  unsigned_accepted: {
    means: "Requests without a signature are accepted: anybody can invent events.",
    remedy: "Look at what is in front of the relay: something answers in its place, or signs requests.",
  },
  stale_accepted: {
    means: "Signatures of two days ago are accepted: a recorded request can be sent again.",
    remedy: "Look at SIGNATURE_TOLERANCE_SECONDS (300 by default) and at the relay's clock.",
  },

  relay_clock_off: {
    means: "The relay's clock is wrong: at {tolerance} s apart it refuses every event of Qonto's.",
    remedy: SET_NTP,
  },
  own_clock_off: { means: "This machine's clock is wrong: what it signs is refused.", remedy: SET_NTP },
  clocks_disagree: {
    means: "The relay's clock and this machine's disagree; one of them is wrong.",
    remedy: `A Worker's clock is right: look at this one first. ${SET_NTP}`,
  },

  service_token_refused: {
    means: "Cloudflare Access protects the operator's API and does not admit the service token.",
    remedy: accessRemedy("/api"),
  },
  admin_token_refused: {
    means: "The operator's API {refusal}: what happens inside the relay stays unseen.",
    remedy:
      "Set ADMIN_TOKEN to the relay's own, or to the token that was made for you. After too many wrong tokens wait a minute.",
  },
  relay_api_fails: {
    means: "The operator's API does not answer as this command line expects.",
    remedy:
      "Look at the relay's log. A deploy brings it to the version of this command line and applies missing migrations; `npm start` does so for a local one.",
    commands: [TAIL, DEPLOY],
  },
  private_destinations_allowed: {
    means:
      "The relay is public and configured as a local one: destinations may be private addresses over plain http, and secrets that everybody knows count.",
    remedy:
      "Remove ALLOW_PRIVATE_DESTINATIONS: the secret, or the variable in wrangler.toml. Then set what /health names, and replace every secret.",
    commands: ["npx wrangler secret delete ALLOW_PRIVATE_DESTINATIONS"],
  },
  connection_at_fault: {
    means: "A connection to Qonto is lost, lacks a subscription, or is behind.",
    remedy: "Do what was seen; with ADMIN_TOKEN the check `connection` says more.",
    commands: ["npm run qonto -- connections list"],
  },
  database_unwell: {
    means: "D1 does not answer as it should: events go through the queue only, and nothing is delivered.",
    remedy: "Look at Cloudflare's status page.",
  },
  destination_secrets_undecryptable: {
    means: "Destinations' secrets cannot be decrypted: nothing can be signed for them.",
    remedy: "Put the key they were encrypted with back into ENCRYPTION_KEYS, behind the new one.",
  },
  database_filling: {
    means: "The database is nearly full. D1 writes nothing more into a full one.",
    remedy: "Set RETENTION_DAYS lower (wrangler.toml, `[vars]`) and deploy: the cron deletes what is older.",
    commands: [DEPLOY],
  },
  queue_stuck: {
    means: "The consumer of {queue} does not run.",
    remedy:
      "See whether it is attached and why it fails; a deploy attaches it. Events wait meanwhile, and are not lost.",
    commands: ["npx wrangler queues consumer list {queue}", TAIL, DEPLOY],
  },
  dead_letter_consumer_stuck: {
    means: "Dead letters are not recorded: the consumer of {queue} does not run.",
    remedy: "See whether it is attached and why it fails; a deploy attaches it. Messages wait meanwhile.",
    commands: ["npx wrangler queues consumer list {queue}", TAIL, DEPLOY],
  },
  queue_backlog_old: {
    means: "Events wait in the queue for minutes: its consumer cannot keep up, or fails on some.",
    remedy: "Look at the log of the consumer for what fails.",
    commands: [TAIL],
  },
  cron_stopped: {
    means: "The cron does not run: events and deliveries that lost their message stay pending.",
    remedy:
      "Look at the Worker's triggers (wrangler.toml, `[triggers]`) and deploy them; `npm start` runs it by itself.",
    commands: [DEPLOY],
  },
  fan_out_stuck: {
    means: "Events are received and not dispatched.",
    remedy: "Look at `queues` below, and at the log of the consumer.",
    commands: [TAIL],
  },
  deliveries_overdue: {
    means: "Deliveries are due and not attempted.",
    remedy: "Look at `queues` below, and at the log of the retries.",
    commands: [TAIL],
  },
  dead_letters_waiting: {
    means: "Queue messages ended as dead letters: their work is not done.",
    remedy: "Look in the log why they failed, and fix it; then replay each. GET /api/dead-letters lists them.",
    commands: [`${AUTHORIZED} {origin}/api/dead-letters/{id}/replay`],
  },
  quarantine_waiting: {
    means: "Authentic events are in quarantine, and reach no destination.",
    remedy:
      "Look at them, and release each. Many that are timestamp_too_old are the result of an outage, or of a wrong clock.",
    commands: [`${AUTHORIZED} {origin}/api/quarantine/{id}/release`],
  },
  ledger_unbalanced: {
    means: "The ledger does not balance: an event or a delivery is in no state, or in two.",
    remedy: "This is a fault of the relay: keep its log and a copy of the database, and report it.",
    commands: ["npx wrangler d1 export DB --remote --output relay.sql"],
  },

  signatures_mismatched: {
    means: "Events arrive under a secret that the relay does not know: from a subscription of yours, or forged.",
    remedy: "{secrets} With the header and body of one request `verify` names the mistake.",
    commands: ["npm run qonto -- subscriptions list{sandbox}", "npm run qonto -- verify --help"],
  },
  signatures_too_old: {
    means:
      "Events arrive with signatures that are too old: Qonto's retries after an outage; otherwise a wrong clock or a slow way.",
    remedy: "Look at `clocks`. The refused events are in quarantine, where you can release them.",
  },
  signatures_in_future: {
    means: "Events arrive with signatures of the future: the relay's clock is behind.",
    remedy: "Look at `clocks`. Qonto sends them again.",
  },
  signatures_malformed: {
    means: "Events arrive with signature headers that cannot be read: something on the way changes them.",
    remedy: "Look at what is in front of the relay; `verify` says what is wrong with one.",
    commands: ["npm run qonto -- verify --help"],
  },
  signatures_missing: {
    means:
      "Most requests arrive without a signature: something on the way drops the header, or strangers found the address.",
    remedy: "If `traffic` is silent too, look at what is in front of the relay; otherwise it does no harm.",
  },
  all_traffic_silent: { means: "No events of any type have arrived for longer than is usual.", ...silence },
  traffic_silent: { means: "No {type} has arrived from {organization} for longer than is usual.", ...silence },

  destination_circuit_open: {
    means: "{destination} has failed for so long that its circuit is open: its deliveries stay pending, in order.",
    remedy:
      "Have the destination fix what its answer says. It is probed from time to time, and gets all of them when it succeeds; or test it now.",
    commands: ["npm run qonto -- destinations list", "npm run qonto -- destinations test {id}"],
  },
  destination_failing: {
    means: "{destination} fails; its deliveries are retried.",
    remedy:
      "Have the destination fix what its answer says, and test it. If it often answers 429, set a rate that it can keep up with.",
    commands: [
      "npm run qonto -- destinations test {id}",
      "npm run qonto -- destinations update {id} --max-per-second 10",
    ],
  },
  destination_paused: {
    means: "{destination} is paused: it is sent nothing.",
    remedy: "Resume it: its pending deliveries are sent then. An answer of 410 pauses a destination.",
    commands: ["npm run qonto -- destinations resume {id}"],
  },
  deliveries_dead: {
    means: "{destination} did not get some events: all attempts failed, and no more will be made.",
    remedy: "When the destination is healthy, replay them.",
    commands: ["npm run qonto -- replay destination {id} --since {since}"],
  },

  queue_outside_jurisdiction: {
    means: "Queues keep their messages outside of the jurisdiction {jurisdiction}.",
    remedy: "Do what is said above: `npm run deploy` creates them again where they should be.",
    commands: [DEPLOY],
  },
  deployment_incomplete: {
    means: "What is deployed at Cloudflare is not connected as it should be.",
    remedy: "Do what is said above, then deploy again: that adds what is missing.",
    commands: [DEPLOY],
  },
} as const satisfies Readonly<Record<string, FaultText>>;

export type FaultName = keyof typeof faults;

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(faults, text);
}
