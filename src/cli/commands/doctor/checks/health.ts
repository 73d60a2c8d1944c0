import { type Finding, type Result, judged } from "../finding.ts";
import { DEPLOY, type Patient } from "../patient.ts";
import type { Health } from "../relay-facts.ts";
import { migrationsMissing } from "./migrations.ts";

type Checks = Health["checks"];

type Kind = Omit<Finding, "seen">;

/** What a check of /health means that is not well. */
const kinds: Readonly<Record<keyof Checks, Kind>> = {
  configuration: {
    fault: "relay_not_configured",
    what: "The relay lacks what it needs.",
    remedy: "Set what is named; of a local one, put it into .dev.vars and restart it.",
    commands: ["npx wrangler secret put NAME"],
  },
  database: {
    fault: "database_unwell",
    what: "D1 does not answer as it should: events go through the queue alone, and nothing is delivered.",
    remedy: "Look at Cloudflare's status page.",
  },
  schema: migrationsMissing,
  cron: {
    fault: "cron_stopped",
    what: "The cron does not run: what has lost its next step stays where it is.",
    remedy:
      "Look at the Worker's triggers (wrangler.toml, `[triggers]`) and deploy them; `npm start` runs it by itself.",
    commands: ["npm run deploy"],
  },
  fan_out: {
    fault: "fan_out_stuck",
    what: "Events are received and not handed on.",
    remedy: "Look at `queues` below, and at the log of the consumer.",
    commands: ["npx wrangler tail"],
  },
  deliveries: {
    fault: "deliveries_overdue",
    what: "Deliveries are due and not attempted.",
    remedy: "Look at `queues` below, and at the log of the retries.",
    commands: ["npx wrangler tail"],
  },
  open_circuits: {
    fault: "destination_circuit_open",
    what: "A destination has been down for so long that it will not come back by itself.",
    remedy: "Call the destination.",
    commands: ["npm run qonto -- destinations list"],
  },
  dead_letters: {
    fault: "dead_letters_waiting",
    what: "A queue has given up on messages.",
    remedy: "GET /api/dead-letters lists them; POST /api/dead-letters/<id>/replay sends one again.",
  },
  secrets: {
    fault: "destination_secrets_undecryptable",
    what: "Destinations' secrets cannot be opened: nothing can be signed for them.",
    remedy: "Put the key they were encrypted with back into ENCRYPTION_KEYS, behind the new one.",
  },
  storage: {
    fault: "database_filling",
    what: "The database is nearly full. D1 writes nothing more into a full one.",
    remedy: "Set RETENTION_DAYS lower (wrangler.toml, `[vars]`) and deploy: the cron deletes what is older.",
    commands: [DEPLOY],
  },
};

/** With a token the doctor asks more closely. */
const closerElsewhere: readonly (keyof Checks)[] = ["open_circuits", "dead_letters", "schema"];

/** The relay's own word on itself: configuration, database, cron, backlog. */
export async function examineHealth(patient: Patient): Promise<Result> {
  const health = await patient.health();
  if ((await patient.access()).state === "open") return judgeHealth(health, closerElsewhere);
  return judgeHealth(health, (await patient.isNotReady()) ? ["schema"] : []);
}

export function judgeHealth({ checks }: Health, leftOut: readonly (keyof Checks)[]): Result {
  const names = Object.keys(kinds).filter((name): name is keyof Checks => name in checks);
  const degraded = names.filter((name) => checks[name].status === "degraded" && !leftOut.includes(name));
  // What nobody can tell is no fault of its own; that the cron has never run is.
  const told = degraded.filter((name) => name === "database" || !isUntold(name, checks));
  return judged(
    told.map((name): Finding => ({ ...kinds[name], seen: `/health, ${name}: ${checks[name].detail}` })),
    `${checks.database.detail} ${checks.cron.detail} ${checks.deliveries.detail}`,
  );
}

function isUntold(name: keyof Checks, checks: Checks): boolean {
  if (checks.database.status === "degraded") return name !== "configuration";
  if (checks.schema.status === "degraded" && name !== "schema") return checks[name].value === null;
  return name === "fan_out" && checks.fan_out.value === null;
}
