import { z } from "zod";
import { tryDecodeUtf8, tryParseJson } from "../../platform/json.ts";
import { isSampleType, sampleEvent, sampleTypes, sourceOfType } from "../../qonto/sample-event.ts";
import { defineCommand } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import { conflicting, option, readNonEmpty, readTime, readWhole, withDefault } from "../options.ts";
import type { Output } from "../output.ts";
import { readUrl } from "../settings.ts";
import { QONTO_WAITS_MS, WEBHOOK_PATH, type WebhookAnswer, meaningOf, postWebhook } from "../webhook.ts";
import { signingSecret } from "../webhook-secret.ts";

export const send = defineCommand({
  name: "send",
  summary: "sign and send a sample event as Qonto would",
  arguments: { type: "one of Qonto's, as `event-types list` shows it" },
  asks: ["relay"],
  options: {
    to: option("--to <url>", "another receiver than the relay: the whole address of its webhook"),
    secret: option(
      "--secret <secret>",
      "sign with this one (else the first of QONTO_WEBHOOK_SECRETS or QONTO_ONBOARDING_SECRETS)",
      readNonEmpty,
    ),
    count: withDefault("--count <n>", "how many, one after the other", "1", readWhole(1, 999_999)),
    id: option("--id <id>", "the event's id (else a new one for each)", readNonEmpty),
    file: conflicting(option("--file <file>", "the body to send, byte for byte; - reads standard input"), "id"),
    signedAtMs: option(
      "--timestamp <time>",
      "sign as of then: an instant, or how long ago, as 10m (else now)",
      readTime,
    ),
  },
  example: "send v1/transactions --count 3",
  async run(context, { type, to, secret: given, count, id, file, signedAtMs }) {
    const { output, settings, secrets, world, relayUrl } = context;
    const url = to === undefined ? relayUrl + WEBHOOK_PATH : readUrl(to, "--to");
    const source = sourceOfType(type);
    const { secret, secretFrom } =
      given === undefined
        ? signingSecret(settings, url, { source, remedy: "Set it, or give one with --secret." })
        : { secret: secrets.keep(given), secretFrom: "--secret" };
    const answers: Answer[] = [];
    for (let number = 1; number <= count; number += 1) {
      output.progress(`${number} of ${count} …`);
      const body = file === undefined ? makeSample(type, id, world.now()) : await context.readBytes(file);
      const timestampSeconds = Math.floor((signedAtMs ?? world.now()) / 1000);
      const event = { source, body, secret, timestampSeconds };
      const answer = await postWebhook(url, event, { world, answersWithinMs: QONTO_WAITS_MS });
      answers.push(asDocument(answer, body, secretFrom));
    }
    output.show({ url, type, answers }, () => asText(answers, output));
    return answers.every(({ accepted }) => accepted) ? 0 : 1;
  },
});

function makeSample(type: string, id: string | undefined, nowMs: number): Uint8Array<ArrayBuffer> {
  if (!isSampleType(type)) {
    throw wrongUsage(
      `There is no sample of ${type}.`,
      `There is one of ${sampleTypes.join(", ")}; for another give --file.`,
    );
  }
  const created_at = new Date(nowMs).toISOString().replace(/\.\d+/, "");
  return new TextEncoder().encode(JSON.stringify(sampleEvent(type, { id: id ?? crypto.randomUUID(), created_at })));
}

type Answer = ReturnType<typeof asDocument>;

function asDocument(answer: WebhookAnswer, sent: Uint8Array, secretFrom: string) {
  const { status, body, durationMs } = answer;
  const meaning = meaningOf(answer, secretFrom);
  return {
    event_id: z.object({ id: z.string() }).safeParse(tryParseJson(tryDecodeUtf8(sent) ?? "")).data?.id ?? null,
    status,
    body,
    duration_ms: Math.round(durationMs),
    accepted: meaning === null,
    meaning,
  };
}

function asText(answers: readonly Answer[], output: Output): string {
  const rows = answers.map(({ event_id, status, body, duration_ms, accepted }) => [
    event_id ?? "–",
    { text: String(status ?? "none"), style: accepted ? ("green" as const) : ("red" as const) },
    `${duration_ms} ms`,
    status === null ? "–" : typeof body === "string" ? body.slice(0, 200) : JSON.stringify(body),
  ]);
  const meanings = new Set(answers.flatMap(({ meaning }) => meaning ?? []));
  return [output.table(["event", "status", "time", "answer"], rows), ...meanings].join("\n");
}
