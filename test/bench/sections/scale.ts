import { dollars } from "../../worker/budgets/price.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import { Destinations } from "../load/destinations.ts";
import { type Report, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { fill, lookFromTheFirst, prepareFilling } from "./fill.ts";
import { type Measured, logIn, measure, measurePage, runCron } from "./metered-relay.ts";
import type { Section } from "./section.ts";

const MS_PER_DAY = 86_400_000;

/** A million of them is a month. */
const EVERY_MS = 2_500;

const DATABASE_BYTES = 10e9;

const EVENTS = 200;
const OLD_EVENTS = 1_000;

const pages = [
  "/api/events?limit=50",
  "/api/events?limit=50&type=v1/cards",
  "/api/events?limit=50&organization_id=organization-0007",
  "/api/events/filled-00000007",
  "/api/deliveries?limit=50&status=delivered",
  "/api/organizations?limit=50",
  "/api/organizations/organization-0007",
  "/api/organizations/organization-0007/resources?limit=50",
  "/api/ledger?since=HOUR_AGO",
  "/api/ledger",
  "/metrics",
  "/health",
  "/console",
];

/** Whether an event, a query and the cron cost the same with any number of recorded events. */
export const scale: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const destinations = await Destinations.start();
  const worker = await ServedWorker.start("test/bench/worker/metered.ts");
  try {
    const destinationId = await worker.addDestination(`${destinations.url}/well`);
    const cookie = await logIn(worker);
    const levels = isShort ? [500] : [10_000, 100_000, 1_000_000];
    const table = new Map<string, Measured[]>();
    const note = (what: string, measured: Measured) => table.set(what, [...(table.get(what) ?? []), measured]);
    const newestAt = Date.now() - 60_000;
    await prepareFilling(worker, newestAt);
    const bytesBefore = await worker.databaseBytes();
    await measureEvents(worker, generator, destinations);
    const bytes = ((await worker.databaseBytes()) - bytesBefore) / (2 * EVENTS);
    let from = 0;
    for (const level of levels) {
      say(`${level.toLocaleString("en")} events`);
      const filling = { newestAt, everyMs: EVERY_MS, destinationId };
      await fill(worker, { ...filling, from, until: level });
      from = level;
      await runCron(worker);
      note("an event, received to delivered", await measureEvents(worker, generator, destinations));
      for (const page of pages) note(page.replace("HOUR_AGO", "an hour ago"), await measurePage(worker, page, cookie));
      note("cron, nothing to do", await measure(worker, () => runCron(worker)));
      const old = { ...filling, newestAt: Date.now() - 31 * MS_PER_DAY, everyMs: 0 };
      await fill(worker, { ...old, from: 10_000_000 + level, until: 10_000_000 + level + OLD_EVENTS });
      await lookFromTheFirst(worker);
      note(`cron, ${OLD_EVENTS.toLocaleString("en")} events to delete`, await measure(worker, () => runCron(worker)));
    }
    return describe(levels, table, bytes);
  } finally {
    generator.stop();
    destinations.stop();
    await worker.stop();
  }
};

/** For each event, on average. */
async function measureEvents(
  worker: ServedWorker,
  generator: LoadGenerator,
  destinations: Destinations,
): Promise<Measured> {
  const send = () => generator.send(worker, { connections: 16, requests: EVENTS, bodyBytes: 1_000 });
  await send();
  await worker.drained();
  await destinations.take(EVENTS, 30_000);
  const { ms, rowsRead, rowsWritten } = await measure(worker, async () => {
    await send();
    await destinations.take(EVENTS, 30_000);
    await worker.drained();
  });
  return { ms: ms / EVENTS, rowsRead: rowsRead / EVENTS, rowsWritten: rowsWritten / EVENTS };
}

function describe(
  levels: readonly number[],
  measured: ReadonlyMap<string, readonly Measured[]>,
  bytes: number,
): Report {
  const events = measured.get("an event, received to delivered") ?? [];
  const written = events.map(({ rowsWritten }) => rowsWritten);
  return {
    tables: [
      {
        title: "With so many events recorded: ms · rows read · rows written",
        columns: ["", ...levels.map((level) => level.toLocaleString("en"))],
        rows: Array.from(measured, ([what, all]) => [
          what,
          ...all.map(({ ms, rowsRead, rowsWritten }) => `${figure(ms)} · ${figure(rowsRead)} · ${figure(rowsWritten)}`),
        ]),
      },
    ],
    goals: [
      {
        goal: "an event writes as many rows however much is recorded",
        measured: written.map(figure).join(", "),
        isMet: Math.max(...written) - Math.min(...written) < 0.1,
      },
    ],
    figures: Object.fromEntries([
      ["bytes of an event", bytes],
      ...Array.from(measured).flatMap(([what, all]) =>
        all.flatMap(({ ms, rowsRead }, index) => [
          [`${what}, ${levels[index]} events: ms`, ms],
          [`${what}, ${levels[index]} events: rows read`, rowsRead],
        ]),
      ),
    ]),
    notes: [
      "A ledger of all time counts all that there is, in pages of 5,000 between which D1 does other work.",
      `An event of 1 KB, its delivery and its resource take ${figure(bytes)} bytes of D1: ${figure(DATABASE_BYTES / bytes / 1e6)} million fill its 10 GB.`,
      `A million of them, kept for a month beyond what is included: ${figure(dollars({ bytesStored: bytes }))} dollars.`,
    ],
  };
}
