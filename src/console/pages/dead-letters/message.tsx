import { z } from "zod";
import { parseJsonLosslessly } from "../../../platform/json.ts";
import { Body, Json } from "../../ui/json.tsx";

const carrying = z.looseObject({ carried: z.looseObject({ body: z.string() }) });
const withText = z.looseObject({ events: z.tuple([carrying]) });
const withBytes = z.looseObject({ body_base64: z.string() });

/** What a queue carried; a body in it stands by itself, to be read. */
export function Message({ json }: { readonly json: string }) {
  const value = parseJsonLosslessly(json);
  const { body, rest } = takeBody(value);
  return (
    <>
      <section aria-labelledby="message">
        <h2 id="message">Message</h2>
        <Json value={rest} label="Message" />
      </section>
      {body === null ? null : (
        <section aria-labelledby="body">
          <h2 id="body">Body that it carries</h2>
          <Body bytes={body} label="Body that the message carries" />
        </section>
      )}
    </>
  );
}

function takeBody(value: unknown): { body: Uint8Array | null; rest: unknown } {
  const text = withText.safeParse(value);
  if (text.success) {
    const [{ carried, ...event }] = text.data.events;
    const { body, ...about } = carried;
    return {
      body: new TextEncoder().encode(body),
      rest: { ...text.data, events: [{ ...event, carried: about }] },
    };
  }
  const bytes = withBytes.safeParse(value);
  if (bytes.success) {
    const { body_base64, ...rest } = bytes.data;
    const decoded = tryDecode(body_base64);
    if (decoded !== null) return { body: decoded, rest };
  }
  return { body: null, rest: value };
}

function tryDecode(base64: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return null;
  }
}
