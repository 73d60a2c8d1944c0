import type { Source } from "../domain/event.ts";
import { readSignatureHeader } from "./signature.ts";

/** The examples in Qonto's documentation for checking an implementation. */
export const officialVectors = {
  business: {
    secret: "test-secret",
    body: '{"test":"data"}',
    header: "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805",
  },
  onboarding: {
    secret: "secret_key",
    body: '{"id":"75341dcb-0376-474d-97d7-d2c03ff3973c","event_type":"registrations.pending","resource_type":"registration","resource_id":"525817f7-93e8-4f31-a83d-20319778b4b0","created_at":"2022-08-29T13:17:32Z"}',
    header: "b0d249e653f1310fa5b7f26d5682548afa1799353b92fcafd4cacbd90312023e",
  },
};

/** Whether the signature code agrees with Qonto's where it runs: each example matches, and not with another secret. */
export async function checkOfficialVectors(): Promise<{ readonly business: boolean; readonly onboarding: boolean }> {
  return {
    business: await holds("business"),
    onboarding: await holds("onboarding"),
  };
}

async function holds(source: Source): Promise<boolean> {
  const { secret, body, header } = officialVectors[source];
  const signature = readSignatureHeader(source, header);
  const bytes = Uint8Array.from(new TextEncoder().encode(body));
  return (
    typeof signature !== "string" &&
    (await signature.matches(bytes, secret)) &&
    !(await signature.matches(bytes, `${secret}x`))
  );
}
