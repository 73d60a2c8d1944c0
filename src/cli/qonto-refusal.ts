import { z } from "zod";
import { Fault } from "./fault.ts";

/** Qonto said no, or something else than what it documents. */
export class QontoRefusal extends Fault {
  readonly status: number;

  constructor(status: number, detail: string) {
    const remedy = remedies[status];
    super(`Qonto refuses (${status}): ${detail}`, remedy === undefined ? {} : { remedy });
    this.status = status;
  }
}

const remedies: Readonly<Record<number, string>> = {
  401: "Get a new OAuth access token and set QONTO_ACCESS_TOKEN; for the sandbox set QONTO_STAGING_TOKEN too.",
  403: "The token lacks a scope: subscriptions need `webhook`, each type its own besides.",
  404: "It is not there, or belongs to another user or client: `subscriptions list` shows yours.",
  429: "Too many requests. Wait some minutes, and run it again.",
};

const flatError = z.object({
  code: z.string().optional(),
  detail: z.string().optional(),
  message: z.string().optional(),
  source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).nullish(),
});
const errorBody = z.union([
  z.object({ errors: z.array(flatError).min(1) }),
  flatError.transform((one) => ({ errors: [one] })),
]);

/** Qonto's two forms of an error, `{code, detail, source}` and `{errors: […]}`, as a sentence. */
export function describeErrors(body: unknown): string {
  const errors = errorBody.safeParse(body).data?.errors ?? [];
  const sentences = errors.flatMap(({ code, detail, message, source }) => {
    const text = detail ?? message ?? code;
    const place = source?.pointer ?? source?.parameter;
    return text === undefined ? [] : [place === undefined ? text : `${text.replace(/\.$/, "")} (${place})`];
  });
  return sentences.length === 0 ? "it does not say why." : `${sentences.join("; ").replace(/\.$/, "")}.`;
}
