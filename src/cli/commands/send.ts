import { Option } from "commander";
import { z } from "zod";
import { tryDecodeUtf8, tryParseJson } from "../../platform/json.ts";
import { isSampleType, sampleEvent, sampleTypes, sourceOfType } from "../../qonto/sample-event.ts";
import { signAsQonto } from "../../qonto/signature.ts";
import { isFromAccess } from "../cloudflare-access.ts";
import { type QontoCommand, relayOption } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import type { Invocation } from "../invocation.ts";
import type { Output } from "../output.ts";
import { readBytes } from "../read-input.ts";
import { readTime } from "../read-time.ts";
import { readUrl } from "../settings.ts";
import { secretNames, signingSecret } from "../signing-secret.ts";
import { networkReason } from "../network.ts";
import type { World } from "../world.ts";
import { meaningOf } from "./meaning-of-answer.ts";

/** Qonto takes an answer that comes later for none. */
const QONTO_WAITS_MS = 1_000;

const options = z.object({
  url: z.string().optional(),
  to: z.string().optional(),
  secret: z.string().min(1, "must not be empty").optional(),
  count: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, "must be a whole number from 1 to 999999")
    .transform(Number)
    .default(1),
  id: z.string().min(1, "must not be empty").optional(),
  file: z.string().optional(),
  timestamp: z.string().optional(),
});

type Options = z.output<typeof options>;

interface Answer {
  readonly event_id: string | null;
  /** Null when none came in time. */
  readonly status: number | null;
  readonly body: unknown;
  readonly duration_ms: number;
  readonly accepted: boolean;
  readonly meaning: string | null;
}

/** `send`: an event as Qonto would send it. */
export function addSend(program: QontoCommand): void {
  program
    .command("send")
    .argument("<type>", "v1/transactions, registrations.completed, …")
    .description("sign and send a sample event as Qonto would")
    .addOption(relayOption())
    .option("--to <url>", "another receiver than the relay: the whole address of its webhook")
    .option(
      "--secret <secret>",
      "sign with this one (else the first of QONTO_WEBHOOK_SECRETS or QONTO_ONBOARDING_SECRETS)",
    )
    .option("--count <n>", "how many, one after the other", "1")
    .option("--id <id>", "the event's id (else a new one for each)")
    .addOption(new Option("--file <file>", "the body to send, byte for byte; - reads standard input").conflicts("id"))
    .option("--timestamp <time>", "sign as of then: an instant, or how long ago, as 10m (else now)")
    .addHelpText("after", "\nExample:\n  npm run qonto -- send v1/transactions --count 3")
    .action(async (type: string, _options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const given = readOptions(command);
      const receiver = receiverOf(type, given, invocation);
      const answers: Answer[] = [];
      for (let number = 1; number <= given.count; number += 1) {
        output.progress(`${number} of ${given.count} …`);
        answers.push(
          await sendOne(await makeBody(type, given, invocation), type, receiver, { ...given, world: invocation.world }),
        );
      }
      output.show({ url: receiver.url, type, answers }, () => asText(answers, output));
      if (answers.some(({ accepted }) => !accepted)) invocation.exitCode = 1;
    });
}

function readOptions(command: QontoCommand): Options {
  const parsed = options.safeParse(command.opts());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrongUsage(`--${issue?.path.join(".") ?? ""} ${issue?.message ?? "cannot be that"}.`);
}

interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly secretFrom: string;
}

function receiverOf(type: string, { to, url: relay, secret }: Options, { settings, secrets }: Invocation): Receiver {
  const url = to === undefined ? `${settings.relayUrl(relay)}/webhooks/qonto` : readUrl(to, "--to");
  if (secret !== undefined) return { url, secret: secrets.keep(secret), secretFrom: "--secret" };
  const signing = signingSecret(settings, url, sourceOfType(type));
  if (signing === null) {
    const name = secretNames[sourceOfType(type)];
    throw wrongUsage(`There is no secret to sign with: ${name} is not set.`, "Set it, or give one with --secret.");
  }
  return { url, ...signing };
}

async function makeBody(
  type: string,
  { file, id }: Options,
  { input, world }: Invocation,
): Promise<Uint8Array<ArrayBuffer>> {
  if (file !== undefined) return readBytes(file, input);
  if (!isSampleType(type)) {
    throw wrongUsage(
      `There is no sample of ${type}.`,
      `There is one of ${sampleTypes.join(", ")}; for another give --file.`,
    );
  }
  const created_at = new Date(world.now()).toISOString().replace(/\.\d+/, "");
  return new TextEncoder().encode(JSON.stringify(sampleEvent(type, { id: id ?? crypto.randomUUID(), created_at })));
}

async function sendOne(
  body: Uint8Array<ArrayBuffer>,
  type: string,
  { url, secret, secretFrom }: Receiver,
  { timestamp, world }: Pick<Options, "timestamp"> & { readonly world: World },
): Promise<Answer> {
  const { now, elapsedMs, timeout, fetch } = world;
  const timestampSeconds = Math.floor(
    (timestamp === undefined ? now() : readTime(timestamp, "--timestamp", now())) / 1000,
  );
  const signature = await signAsQonto(sourceOfType(type), body, { secret, timestampSeconds });
  const event_id = z.object({ id: z.string() }).safeParse(tryParseJson(tryDecodeUtf8(body) ?? "")).data?.id ?? null;
  const startedAt = elapsedMs();
  const duration = () => Math.round(elapsedMs() - startedAt);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...signature },
      body,
      redirect: "manual",
      signal: timeout(QONTO_WAITS_MS),
    });
    const text = await response.text();
    const answer = tryParseJson(text) ?? text.slice(0, 1_000);
    const { status } = response;
    const meaning = meaningOf({ status, answer, isFromAccess: isFromAccess(response, url) }, secretFrom);
    return { event_id, status, body: answer, duration_ms: duration(), accepted: response.ok, meaning };
  } catch (error) {
    const reason = networkReason(error);
    const meaning = `No answer: ${reason}. Qonto would send it again later.`;
    return { event_id, status: null, body: null, duration_ms: duration(), accepted: false, meaning };
  }
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
