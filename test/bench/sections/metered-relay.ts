import { z } from "zod";
import { ADMIN_TOKEN, type ServedWorker } from "../served-worker.ts";
import { median } from "../statistics.ts";

/** Usage of the platform by a relay whose entry is test/bench/worker/metered.ts. */
export interface Measured {
  readonly ms: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

export async function measurePage(worker: ServedWorker, page: string, cookie: string): Promise<Measured> {
  const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();
  const get = async () => {
    const url = worker.url + page.replace("HOUR_AGO", anHourAgo);
    const response = await fetch(url, { headers: { cookie, authorization: `Bearer ${ADMIN_TOKEN}` } });
    await response.arrayBuffer();
    if (response.status >= 400 && page !== "/health") throw new Error(`${page} answered ${response.status}`);
  };
  const rounds = [await measure(worker, get), await measure(worker, get), await measure(worker, get)];
  return { ...(rounds[0] ?? nothing), ms: median(rounds.map(({ ms }) => ms)) };
}

const nothing: Measured = { ms: 0, rowsRead: 0, rowsWritten: 0 };

const usage = z.object({
  calls: z.number(),
  callsForStrangers: z.number(),
  rowsRead: z.number(),
  rowsWritten: z.number(),
  consumerInvocations: z.number(),
  queueOperations: z.number(),
});

/** The usage since the last call. */
export async function takeUsage(worker: ServedWorker): Promise<z.output<typeof usage>> {
  return usage.parse(await (await fetch(`${worker.url}/bench/usage`)).json());
}

export async function measure(worker: ServedWorker, act: () => Promise<unknown>): Promise<Measured> {
  await takeUsage(worker);
  const startedAt = performance.now();
  await act();
  const ms = performance.now() - startedAt;
  const { rowsRead, rowsWritten } = await takeUsage(worker);
  return { ms, rowsRead, rowsWritten };
}

export async function runCron(worker: ServedWorker): Promise<void> {
  const response = await fetch(`${worker.url}/bench/cron`, { method: "POST" });
  if (!response.ok) throw new Error(`The cron failed: ${await response.text()}`);
}

export async function logIn(worker: ServedWorker): Promise<string> {
  const response = await fetch(`${worker.url}/console/login`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", origin: worker.url },
    body: new URLSearchParams({ token: ADMIN_TOKEN }),
    redirect: "manual",
  });
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}
