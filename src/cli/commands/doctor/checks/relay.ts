import { diagnostics as diagnosticsSchema, sentCanary } from "../../../../api/schemas/diagnostics.ts";
import { isCatalogued } from "../../../../qonto/catalogue.ts";
import { ApiError } from "../../../deploy/cloudflare-api.ts";
import { couldNotLook, lookUpRemedy } from "../../../deploy/preconditions.ts";
import { describeFaults, inspect } from "../../../deploy/status.ts";
import { Fault } from "../../../fault.ts";
import type { Deployed } from "../circumstances.ts";
import type { FaultName } from "../faults.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import { type Diagnostics, type Health, type Target, thingOf, variablesNamedIn } from "../target.ts";
import { judgeConnections } from "./connection.ts";

/** Some settings are right on a developer's machine and nowhere else. */
export async function checkConfiguration(target: Target): Promise<Result> {
  const { configuration } = await target.diagnostics();
  const { isLocal } = target.circumstances.address;
  const seen = "GET /api/diagnostics: `allow_private_destinations` is true.";
  return judged(
    [configuration.allow_private_destinations && !isLocal && { fault: "private_destinations_allowed", seen }],
    isLocal ? "It is configured for this machine." : "It is not configured as a local one.",
    [noteUncatalogued(configuration.qonto_types ?? [])],
  );
}

/** No fault: Qonto adds types. */
function noteUncatalogued(types: readonly string[]): string | false {
  const uncatalogued = types.filter((type) => !isCatalogued(type));
  return (
    uncatalogued.length > 0 &&
    `QONTO_TYPES names what is not in the catalogue, perhaps by a misprint: ${uncatalogued.join(", ")}.`
  );
}

type Checks = Health["checks"];
type CheckName = keyof Checks;

/** The fault of each check of /health that is degraded. */
const faultsOfHealth: Readonly<Record<CheckName, FaultName>> = {
  configuration: "relay_not_configured",
  database: "database_unwell",
  schema: "migrations_missing",
  cron: "cron_stopped",
  fan_out: "fan_out_stuck",
  deliveries: "deliveries_overdue",
  open_circuits: "destination_circuit_open",
  dead_letters: "dead_letters_waiting",
  connections: "connection_at_fault",
  secrets: "destination_secrets_undecryptable",
  storage: "database_filling",
};

/** The checks that find the same fault, by those of /health. */
type Elsewhere = Readonly<Partial<Record<CheckName, string>>>;

/** With a token other checks ask for these in detail. */
const askedInDetail: Elsewhere = {
  open_circuits: "destinations",
  dead_letters: "dead_letters",
  schema: "migrations",
};

/** What the relay says of itself: configuration, database, cron, backlog. */
export async function checkHealth(target: Target): Promise<Result> {
  const health = await target.health();
  const diagnostics = await target.knownDiagnostics();
  if (diagnostics === undefined) return judgeHealth(health, (await target.isNotReady()) ? { schema: "answer" } : {});
  // It does not see all: when the subscriptions were last checked is not among what it asks for.
  const connection = judgeConnections(await target.knownConnections(), Date.parse(diagnostics.now));
  const isFound = connection.outcome === "failed";
  return judgeHealth(health, isFound ? { ...askedInDetail, connections: "connection" } : askedInDetail);
}

/** What is degraded and found elsewhere is no fault a second time, but nor does the check pass. */
export function judgeHealth({ checks }: Health, elsewhere: Elsewhere): Result {
  const names = Object.keys(faultsOfHealth).filter((name): name is CheckName => name in checks);
  // A check that could not be measured is no fault of its own. A cron that has never run is one.
  const degraded = names.filter((name) => checks[name]?.status === "degraded" && !isUnmeasured(name, checks));
  const measured = degraded.filter((name) => elsewhere[name] === undefined);
  if (degraded.length > 0 && measured.length === 0) {
    const checksToSee = degraded.map((name) => `\`${elsewhere[name]}\``).join(" and ");
    return skipped(`/health is degraded (${degraded.join(", ")}): see ${checksToSee}.`);
  }
  return judged(
    measured.map((name): Finding => {
      const detail = checks[name]?.detail ?? "";
      const about = { destination: "A destination", variable: variablesNamedIn(detail) };
      return { fault: faultsOfHealth[name], seen: `/health, ${name}: ${detail}`, about };
    }),
    [checks.database, checks.cron, checks.deliveries].flatMap((check) => check?.detail ?? []).join(" "),
  );
}

function isUnmeasured(name: CheckName, checks: Checks): boolean {
  if (checks.database?.status === "degraded") return name !== "configuration" && name !== "database";
  if (checks.schema?.status === "degraded" && name !== "schema") return checks[name]?.value === null;
  return name === "fan_out" && checks.fan_out?.value === null;
}

/** The tables must be those that the code expects. */
export async function checkMigrations(target: Target): Promise<Result> {
  const { applied, missing } = (await target.diagnostics()).migrations;
  const seen = `Not applied: ${missing.join(", ")}.`;
  if (missing.length > 0 && (await target.isNotReady())) return skipped(`${seen} See \`answer\`.`);
  return judged([missing.length > 0 && { fault: "migrations_missing", seen }], `All ${applied.length} are applied.`);
}

const POLL_MS = 500;

/** An event is dispatched within seconds. */
const OLDEST_EVENT_SECONDS = 300;

type Queues = Diagnostics["queues"];
type QueueName = keyof Queues;

const queueNames: Readonly<Record<QueueName, string>> = {
  events: "qonto-relay-events",
  retries: "qonto-relay-retries",
  dead_letters: "qonto-relay-dead-letters",
};
const all = ["events", "retries", "dead_letters"] as const;

interface QueuesWithCanary {
  /** Unix milliseconds, by the relay's clock. */
  readonly now: number;
  readonly sentAt: number;
  readonly waitedMs: number;
  readonly queues: Queues;
}

/** A message sent into each queue must come out of it. */
export async function checkQueues(target: Target): Promise<Result> {
  const { world, queuesMs, progress } = target.circumstances;
  // They tell whether the canary has come out.
  await target.diagnostics();
  const sent = await target.ask((relay) => relay.post("/api/diagnostics/canary", {}, sentCanary));
  const sentAt = Date.parse(sent.sent_at);
  const startedAt = world.elapsedMs();
  for (;;) {
    const { now, queues } = await target.ask((relay) => relay.get("/api/diagnostics", diagnosticsSchema));
    const waitedMs = world.elapsedMs() - startedAt;
    const waiting = all.filter((name) => !isConsumed(queues[name], sentAt));
    if (waiting.length === 0 || waitedMs >= queuesMs) {
      return judgeQueues({ now: Date.parse(now), sentAt, waitedMs, queues });
    }
    progress(`queues: waiting for ${waiting.join(", ")}, ${Math.round(waitedMs / 1000)} s …`);
    await world.wait(POLL_MS);
  }
}

export function judgeQueues({ now, sentAt, waitedMs, queues }: QueuesWithCanary): Result {
  const seconds = (waitedMs / 1000).toFixed(1);
  const stuck = all.filter((name) => !isConsumed(queues[name], sentAt));
  const findings = stuck.map((name): Finding => {
    const { backlog } = queues[name];
    return {
      fault: name === "dead_letters" ? "dead_letter_consumer_stuck" : "queue_stuck",
      seen: `A canary sent into it has not come out within ${seconds} s${backlog === null ? "" : `; ${backlog} messages wait`}.`,
      about: { queue: queueNames[name] },
    };
  });
  const { oldest_message_at: oldestAt, backlog } = queues.events;
  const oldestSeconds = oldestAt === null ? 0 : Math.round((now - Date.parse(oldestAt)) / 1000);
  const isOld = oldestSeconds > OLDEST_EVENT_SECONDS && !stuck.includes("events");
  const old = `The oldest message of ${queueNames.events} is ${oldestSeconds} s old; ${backlog ?? "some"} wait.`;
  const backlogs = all.map((name) => `${name} ${queues[name].backlog ?? "unknown"}`).join(", ");
  return judged(
    [...findings, isOld && { fault: "queue_backlog_old", seen: old }],
    `Each consumer had the canary within ${seconds} s. Messages that wait: ${backlogs}.`,
  );
}

function isConsumed({ canary_consumed_at }: Queues[QueueName], sentAt: number): boolean {
  return canary_consumed_at !== null && Date.parse(canary_consumed_at) >= sentAt;
}

/** At Cloudflare the Worker must be connected to its queues, its database and its cron, each in its place. */
export async function checkDeployment({ circumstances }: Target): Promise<Result> {
  const { cloudflare, address } = circumstances;
  if (address.isLocal) return judged([], "It is on this machine, where `npm start` connects everything.");
  const look = thingOf(cloudflare);
  try {
    return judgeDeployment(await look());
  } catch (error) {
    if (!(error instanceof Fault || error instanceof ApiError)) throw error;
    const remedy = error instanceof Fault ? error.remedy : undefined;
    return skipped(`Cloudflare does not let the doctor look: ${error.message}`, remedy);
  }
}

export function judgeDeployment({ configuration, found }: Deployed): Result {
  const { jurisdiction, worker } = configuration;
  const [failure] = found.failures;
  if (failure !== undefined) return skipped(couldNotLook(failure), lookUpRemedy(failure));
  if (found.worker === null) {
    return skipped(`The account has no Worker ${worker}.`, "Set CLOUDFLARE_ACCOUNT_ID to the relay's account.");
  }
  const inspection = inspect(configuration, found);
  const { outside, unknown } = inspection;
  return judged(
    [
      ...outside.map((seen): Finding => ({ fault: "queue_outside_jurisdiction", seen, about: { jurisdiction } })),
      ...describeFaults(inspection).map((seen): Finding => ({ fault: "deployment_incomplete", seen })),
    ],
    unknown.length === 0
      ? `${found.queues.size} queues, the database and the cron are connected, in the jurisdiction ${jurisdiction}.`
      : "Nothing is missing in what Cloudflare shows.",
    unknown.map((what) => `Cloudflare does not say ${what}.`),
  );
}
