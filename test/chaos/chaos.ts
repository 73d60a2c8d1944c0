import { writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { PlayedRelay } from "../demo/client.ts";
import { freePort } from "../demo/free-port.ts";
import { LocalRelay } from "../node/end-to-end/local-relay.ts";
import { accountFor } from "./accounting.ts";
import { chanceOf } from "./chance.ts";
import {
  type Fault,
  accountFaults,
  bodyFaults,
  destinationFaults,
  ledgerFaults,
  replayFaults,
  stateFaults,
} from "./faults.ts";
import { planLoad } from "./load.ts";
import { OptionError, type Options, readOptions, usage } from "./options.ts";
import { KilledRelay } from "./outages.ts";
import { showAccounts, showPassages, showSender } from "./report.ts";
import { Sender } from "./sender.ts";
import { settle } from "./settle.ts";
import { type Destination, createDestinations } from "./destinations.ts";

/**
 * `npm run chaos`: the relay under load, with destinations of which most fail, while it is killed repeatedly. Nothing that was
 * acknowledged may be lost. `npm run chaos -- --help` names the options.
 */

const secrets = { business: "chaos-business-secret", onboarding: "chaos-onboarding-secret" };
const ADMIN_TOKEN = "chaos-admin-token";

/** Qonto goes on this long behind the load with what is not acknowledged. */
const GRACE_MS = 20_000;

const FAULTY_EVENTS_SHOWN = 5;

async function run(options: Options, copy: LocalRelay, relay: KilledRelay): Promise<boolean> {
  writeFileSync(
    copy.path(".dev.vars"),
    [
      `QONTO_WEBHOOK_SECRETS=${secrets.business}`,
      `QONTO_ONBOARDING_SECRETS=${secrets.onboarding}`,
      `ADMIN_TOKEN=${ADMIN_TOKEN}`,
      "ALLOW_PRIVATE_DESTINATIONS=true",
    ].join("\n"),
  );
  await relay.start();
  const client = new PlayedRelay(copy.url, ADMIN_TOKEN);
  const destinations = await createDestinations(client);
  try {
    const sender = await play(options, destinations, { url: copy.url, relay });
    return await judge(client, destinations, sender, relay);
  } finally {
    for (const { server } of destinations) server.stop();
  }
}

/** The load, the kills and the recoveries, side by side. */
async function play(
  { seconds, rate, kills, seed }: Options,
  destinations: readonly Destination[],
  { url, relay }: { url: string; relay: KilledRelay },
): Promise<Sender> {
  const sender = new Sender(url, secrets, chanceOf(seed + 1));
  const loadMs = seconds * 1000;
  await Promise.all([
    sender.send(planLoad(seconds * rate, Date.now(), chanceOf(seed)), rate, GRACE_MS),
    relay.killRepeatedly(kills, loadMs, chanceOf(seed + 2)),
    ...destinations
      .filter(({ failsUntil }) => failsUntil <= 1)
      .map(({ failsUntil, recover }) => wait(failsUntil * loadMs).then(recover)),
  ]);
  return sender;
}

/** Waits until nothing is pending, compares what was sent and received, and prints what is wrong. */
async function judge(
  client: PlayedRelay,
  destinations: readonly Destination[],
  sender: Sender,
  { outages }: KilledRelay,
): Promise<boolean> {
  const startedAt = Date.now();
  const webhooks = [...sender.webhooks.values()];
  const sent = webhooks.map(({ event, acknowledgedAt }) => ({ ...event, isAcknowledged: acknowledgedAt !== null }));
  const coming = destinations.filter(({ ending }) => ending === "delivered");
  const details = await settle(
    client,
    sent.filter(({ isAcknowledged }) => isAcknowledged).map(({ id }) => id),
    new Set(coming.map(({ destinationId }) => destinationId)),
  );
  console.log(`  nothing is pending ${Math.round((Date.now() - startedAt) / 1000)} s after the load`);

  const accounts = destinations.map((destination) => ({
    destination,
    account: accountFor(recordOf(destination), sent, details),
  }));
  showSender(sender, outages);
  showAccounts(
    accounts.map(({ destination, account }) => ({ account, completeAfterMs: completeAt(destination) - startedAt })),
  );
  const [first] = destinations;
  if (first !== undefined) showPassages(first.name, passagesOf(first, sender), outages);

  const faults: Fault[] = [];
  for (const { destination, account } of accounts) {
    faults.push(...accountFaults(destination, account), ...bodyFaults(destination, sender.webhooks));
    faults.push(...(await destinationFaults(client, destination, account)));
    if (destination.ending === "dead") faults.push(...(await replayFaults(client, destination, account)));
  }
  faults.push(...(await stateFaults(client, sender.webhooks)), ...(await ledgerFaults(client, sender.webhooks)));
  console.log("recoverth", await client.health());
  await showFaults(client, faults);
  return faults.length === 0;
}

function recordOf({ name, destinationId, wants, ending, server }: Destination) {
  const received = new Map(Array.from(server.accepted(), ([id, requests]) => [id, requests.length]));
  return { name, destinationId, wants, isDisabled: ending === "disabled", received };
}

function passagesOf({ server }: Destination, { webhooks }: Sender) {
  return [...server.accepted()].flatMap(([id, [first]]) => {
    const acknowledgedAt = webhooks.get(id)?.acknowledgedAt ?? null;
    return acknowledgedAt === null || first === undefined ? [] : { acknowledgedAt, arrivedAt: first.at };
  });
}

/** When the destination received its last new event, Unix milliseconds. */
function completeAt({ server }: Destination): number {
  return Math.max(
    0,
    ...server
      .accepted()
      .values()
      .map(([first]) => first?.at ?? 0),
  );
}

async function showFaults(client: PlayedRelay, faults: readonly Fault[]): Promise<void> {
  for (const { what, eventIds } of faults) {
    console.error(`\n✗ ${what}`);
    for (const id of eventIds.slice(0, FAULTY_EVENTS_SHOWN)) {
      const shown = await client.get(`/api/events/${id}`, z.unknown()).catch(String);
      console.error(`  ${id} ${typeof shown === "string" ? shown : JSON.stringify(shown)}`);
    }
    if (eventIds.length > FAULTY_EVENTS_SHOWN) console.error(`  and ${eventIds.length - FAULTY_EVENTS_SHOWN} more`);
  }
}

async function chaos(options: Options): Promise<void> {
  const { seconds, rate, kills, seed } = options;
  console.log(`${rate} events a second for ${seconds} s, ${kills} × kill -9, --seed ${seed}\n`);
  const copy = new LocalRelay(await freePort());
  const relay = new KilledRelay(copy);
  // Ctrl-C can signal twice: from the terminal, and from the parent process.
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    void relay.end().finally(() => process.exit(130));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    const isPassed = await run(options, copy, relay);
    console.log(isPassed ? "\nNothing was lost." : "\nSomething was lost or wrong: see above.");
    process.exitCode = isPassed ? 0 : 1;
  } catch (error) {
    // After an interrupt the relay is gone: failures are expected.
    if (!isInterrupted) throw error;
  } finally {
    await relay.end();
  }
}

try {
  const options = readOptions(process.argv.slice(2), Date.now() % 1_000_000);
  if (options === null) console.log(usage);
  else await chaos(options);
} catch (error) {
  console.error(error instanceof OptionError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 1;
}
