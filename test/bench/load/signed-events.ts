import { businessRequest, makePayload } from "../../support/qonto.ts";

export interface SignedEvent {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Events of different resources, signed now. */
export function signEvents({
  requests,
  bodyBytes,
  secret,
}: {
  readonly requests: number;
  readonly bodyBytes: number;
  readonly secret: string;
}): Promise<SignedEvent[]> {
  const timestamp = Math.floor(Date.now() / 1000);
  return Promise.all(
    Array.from({ length: requests }, async () => {
      const { id, text } = textOfSize(bodyBytes);
      const { headers, body } = await businessRequest(text, { secret, timestamp });
      return { id, headers: { ...headers, "content-length": String(body.length) }, body };
    }),
  );
}

const label = { name: "cost centre", value: "Marketing, Paris" };
const LABEL_BYTES = JSON.stringify(label).length + 1;

/** Padded with labels, as large transactions are. */
function textOfSize(bytes: number): { id: string; text: string } {
  const resource = crypto.randomUUID();
  const bare = makePayload("v1/transfers", { data: { id: resource, bench_labels: [] } });
  const missing = bytes - JSON.stringify(bare).length;
  const labels = Array.from({ length: Math.max(0, Math.floor(missing / LABEL_BYTES)) }, () => label);
  return { id: bare.id, text: JSON.stringify({ ...bare, data: { ...Object(bare["data"]), bench_labels: labels } }) };
}
