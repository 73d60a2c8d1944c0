import { Hono } from "hono";
import { z } from "zod";
import { isSampleType } from "../../../../src/qonto/sample-event.ts";
import { listedTypes } from "../bank.ts";
import { HttpServer } from "./http-server.ts";
import { QontoServer } from "./qonto-server.ts";

/** `npm run qonto-server`: a Qonto on this machine to try the relay with, and beside it a way to make events happen. */

const DEFAULT_PORT = 8790;
const port = Number(process.env["QONTO_PORT"] ?? DEFAULT_PORT);

const eventsInput = z.object({
  type: z.string().refine(isSampleType, "is no type of the catalogue"),
  count: z.int().min(1).max(1_000).default(1),
  changes: z.record(z.string(), z.unknown()).default({}),
});

function controls(qonto: QontoServer): Hono {
  const app = new Hono();
  app.post("/simulate/events", async (c) => {
    const input = eventsInput.safeParse(await c.req.json().catch(() => undefined));
    if (!input.success) return c.json({ error: z.prettifyError(input.error) }, 400);
    const { type, count, changes } = input.data;
    const deliveries = await Promise.all(
      Array.from({ length: count }, () => {
        const data = Object(qonto.event(type)["data"]);
        return qonto.emit(
          qonto.event(
            type,
            type.startsWith("v1/") ? { data: { ...data, id: crypto.randomUUID(), ...changes } } : changes,
          ),
        );
      }),
    );
    return c.json(
      deliveries.flat().map(({ eventId, url, outcome, tries }) => ({ event_id: eventId, url, outcome, tries })),
    );
  });
  app.get("/simulate/deliveries", (c) =>
    c.json(qonto.sender.deliveries.map(({ body: _body, ...delivery }) => delivery)),
  );
  return app;
}

const qonto = await QontoServer.start({ port, allowHttp: true });
for (const type of listedTypes)
  for (let count = 0; count < 3; count += 1) if (type !== "v1/organizations") qonto.bank.make(type);
const app = controls(qonto);
const control = await HttpServer.start((request) => app.fetch(request), port + 1);

console.log(`A simulated Qonto is ready on ${qonto.url}. Tell the command line where it is:

  export QONTO_API_URL=${qonto.url} QONTO_ONBOARDING_URL=${qonto.url}
  export QONTO_ACCESS_TOKEN=${qonto.accessToken} QONTO_PARTNER_ID=partner

Make events happen, and see what became of them:

  curl -s ${control.url}/simulate/events -d '{"type": "v1/transactions", "count": 3}'
  curl -s ${control.url}/simulate/deliveries

Ctrl-C ends it.`);

const stop = () => void Promise.all([qonto.stop(), control.stop()]);
process.on("SIGINT", stop).on("SIGTERM", stop);
