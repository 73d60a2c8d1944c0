import { writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { PlayedRelay } from "../demo/client.ts";
import { freePort } from "../demo/free-port.ts";
import { LocalRelay } from "../node/end-to-end/local-relay.ts";
import { accountFor } from "./accounting.ts";
import { chanceOf } from "./chance.ts";
import { type Fault, accountFaults, bodyFaults, destinationFaults, ledgerFaults, stateFaults } from "./faults.ts";
import { planLoad } from "./load.ts";
import { OptionError, type Options, readOptions, usage } from "./options.ts";
import { MortalRelay } from "./outages.ts";
import { replayFaults } from "./replay.ts";
import { showAccounts, showPassages, showSender } from "./report.ts";
import { Sender } from "./sender.ts";
import { settle } from "./settle.ts";
import { type Destination, enlistDestinations } from "./destinations.ts";

/**
 * `npm run chaos`: the relay under load from Qonto, between destinations of which most are ill, while it is killed again and
 * again. Nothing that was acknowledged may be lost. `npm run chaos -- --help` names the options.
 */

const secrets = { business: "chaos-business-secret", onboarding: "chaos-onboarding-secret" };
const ADMIN_TOKEN = "chaos-admin-token";

/** For what was not acknowledged when the load ends. */
const GRACE_MS = 20_000;

const FAULTY_EVENTS_SHOWN = 5;

async function run(options: Options, copy: LocalRelay, relay: MortalRelay): Promise<boolean> {
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
  const destinations = await enlistDestinations(client);
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
  { url, relay }: { url: string; relay: MortalRelay },
): Promise<Sender> {
  const sender = new Sender(url, secrets, chanceOf(seed + 1));
  const loadMs = seconds * 1000;
  await Promise.all([
    sender.send(planLoad(seconds * rate, Date.now(), chanceOf(seed)), rate, GRACE_MS),
    relay.killAgainAndAgain(kills, loadMs, chanceOf(seed + 2)),
    ...destinations
      .filter(({ illUntil }) => illUntil <= 1)
      .map(({ illUntil, heal }) => wait(illUntil * loadMs).then(heal)),
  ]);
  return sender;
}

/** Waits for what is still on its way, holds all sides against each other and says what is wrong. */
async function judge(
  client: PlayedRelay,
  destinations: readonly Destination[],
  sender: Sender,
  { outages }: MortalRelay,
): Promise<boolean> {
  const startedAt = Date.now();
  const letters = [...sender.letters.values()];
  const sent = letters.map(({ event, acknowledgedAt }) => ({ ...event, isAcknowledged: acknowledgedAt !== null }));
  const coming = destinations.filter(({ ending }) => ending === "delivered");
  const details = await settle(
    client,
    sent.filter(({ isAcknowledged }) => isAcknowledged).map(({ id }) => id),
    new Set(coming.map(({ destinationId }) => destinationId)),
  );
  console.log(`  all is quiet ${Math.round((Date.now() - startedAt) / 1000)} s after the load`);

  const accounts = destinations.map((destination) => ({
    destination,
    account: accountFor(bookOf(destination), sent, details),
  }));
  showSender(sender, outages);
  showAccounts(
    accounts.map(({ destination, account }) => ({ account, completeAfterMs: completeAt(destination) - startedAt })),
  );
  const [first] = destinations;
  if (first !== undefined) showPassages(first.name, passagesOf(first, sender), outages);

  const faults: Fault[] = [];
  for (const { destination, account } of accounts) {
    faults.push(...accountFaults(destination, account), ...bodyFaults(destination, sender.letters));
    faults.push(...(await destinationFaults(client, destination, account)));
    if (destination.ending === "dead") faults.push(...(await replayFaults(client, destination, account)));
  }
  faults.push(...(await stateFaults(client, sender.letters)), ...(await ledgerFaults(client, sender.letters)));
  console.log("health", await client.health());
  await showFaults(client, faults);
  return faults.length === 0;
}

function bookOf({ name, destinationId, wants, ending, server }: Destination) {
  const taken = new Map(Array.from(server.accepted(), ([id, requests]) => [id, requests.length]));
  return { name, destinationId, wants, hasLeft: ending === "disabled", taken };
}

function passagesOf({ server }: Destination, { letters }: Sender) {
  return [...server.accepted()].flatMap(([id, [first]]) => {
    const acknowledgedAt = letters.get(id)?.acknowledgedAt ?? null;
    return acknowledgedAt === null || first === undefined ? [] : { acknowledgedAt, arrivedAt: first.at };
  });
}

/** When the destination took the last event that it had not taken before, Unix milliseconds. */
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
  const relay = new MortalRelay(copy);
  // Not once: on Ctrl-C the terminal signals, and so does whatever started this.
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    void relay.end().finally(() => process.exit(130));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    const isWell = await run(options, copy, relay);
    console.log(isWell ? "\nNothing was lost." : "\nNot as promised: see above.");
    process.exitCode = isWell ? 0 : 1;
  } catch (error) {
    // What fails because its relay was taken away needs no telling.
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
