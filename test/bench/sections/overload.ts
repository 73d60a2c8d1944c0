import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import { Destinations } from "../load/destinations.ts";
import { figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import type { Section } from "./section.ts";

/** The simulator's queue accepts 10,000 messages, and then fails. */
const MOST_EVENTS = 6_000;

/** Twice the sustainable load: the queue acknowledges some events, some are refused, none is lost. */
export const overload: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const destinations = await Destinations.start();
  let byQueue = 0;
  const onLog = (line: string) => void (byQueue += /durable_by\W{1,4}queue/.test(line) ? 1 : 0);
  const worker = await ServedWorker.start("src/index.ts", { onLog });
  try {
    await worker.addDestination(`${destinations.url}/well`);
    say("what can be kept up");
    const requests = isShort ? 100 : 2_000;
    const sustained = await generator.send(worker, { connections: 16, requests, bodyBytes: 1_000 });
    await worker.drained();
    await destinations.take(requests, 30_000);

    const rate = Math.round((2 * requests) / sustained.seconds);
    say(`twice as much: ${rate} events a second`);
    byQueue = 0;
    const sent = Math.min(isShort ? rate : rate * 5, MOST_EVENTS);
    const report = await generator.send(worker, { connections: 512, requests: sent, bodyBytes: 1_000, rate });
    const acknowledged = idsWith(report, 200);
    say("until all is delivered");
    const arrived = new Set((await destinations.take(acknowledged.length, 90_000)).map(({ id }) => id));
    const lost = acknowledged.filter((id) => !arrived.has(id)).length;
    const times = report.answers.map(({ durationMs }) => durationMs);
    const refused = idsWith(report, 503).length;
    const rows = [
      ["kept up, events a second", figure(rate / 2)],
      ["sent, events a second", figure(rate)],
      ["acknowledged by D1", figure(acknowledged.length - byQueue)],
      ["acknowledged by the queue", figure(byQueue)],
      ["answered 503, for Qonto to send again", figure(refused)],
      ["not answered, or otherwise", figure(sent - acknowledged.length - refused)],
      ["acknowledged and not delivered", figure(lost)],
      ["answer p50, from when it was to be sent, ms", figure(median(times))],
      ["answer p99, from when it was to be sent, ms", figure(quantile(times, 0.99))],
    ];
    return {
      tables: [{ title: "Twice the load that can be kept up", columns: ["", ""], rows }],
      goals: [{ goal: "nothing that was acknowledged is lost", measured: `${lost} lost`, isMet: lost === 0 }],
      figures: { lost, "kept up: events a second": rate / 2, "answered 503": refused },
      notes: [
        "The machine is the runtime's and the load's together: what waits for the runtime waits before its clock starts.",
      ],
    };
  } finally {
    generator.stop();
    destinations.stop();
    await worker.stop();
  }
};

function idsWith({ answers }: LoadReport, status: number): string[] {
  return answers.filter((answer) => answer.status === status).map(({ id }) => id);
}
