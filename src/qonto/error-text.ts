import { z } from "zod";

/** What Qonto says in an error, as it may be shown: without secrets, and not too long. */

/** What is longer is cut off. */
const DETAIL_CHARACTERS = 200;

/** A shorter text may be part of any sentence. */
const SHORTEST_SECRET = 6;

/** Secrets of a request, which Qonto may repeat in an error. Names of headers are in lower case. */
export function secretsSent(headers: Readonly<Record<string, string>>, body: object = {}): string[] {
  const token = headers["authorization"]?.replace(/^\S+ /, "");
  const sent: unknown[] = [token, headers["x-qonto-staging-token"], "secret" in body ? body.secret : undefined];
  return sent.filter((one): one is string => typeof one === "string" && one.length >= SHORTEST_SECRET);
}

function withoutSecrets(text: string, secrets: Iterable<string>): string {
  return [...secrets].reduce((hidden, secret) => hidden.replaceAll(secret, "[secret]"), text);
}

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

/** Qonto's two forms of an error, `{code, detail, source}` and `{errors: […]}`, as a sentence; the code is the first one's. */
export function describeErrors(
  body: unknown,
  secrets: Iterable<string>,
): { readonly detail: string; readonly code: string | null } {
  const errors = errorBody.safeParse(body).data?.errors ?? [];
  const sentences = errors.flatMap(({ code, detail, message, source }) => {
    const text = detail ?? message ?? code;
    const place = source?.pointer ?? source?.parameter;
    return text === undefined ? [] : [place === undefined ? text : `${text.replace(/\.$/, "")} (${place})`];
  });
  const said = withoutSecrets(sentences.join("; ").replace(/\.$/, ""), secrets);
  const detail = sentences.length === 0 ? "it does not say why" : shortened(said);
  return { detail: `${detail}.`, code: errors[0]?.code ?? null };
}

function shortened(text: string): string {
  return text.length <= DETAIL_CHARACTERS ? text : `${text.slice(0, DETAIL_CHARACTERS)}…`;
}
