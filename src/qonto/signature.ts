import type { Source } from "../domain/event.ts";

/** What a request claims to be signed with. */
export interface Signature {
  readonly source: Source;
  /** Unix seconds; null in the scheme that signs none. */
  readonly timestamp: number | null;
  /** Whether one of the claimed digests is that of these bytes under this secret. */
  readonly matches: (body: Uint8Array<ArrayBuffer>, secret: string) => Promise<boolean>;
}

export type SignatureFault = "signature_missing" | "signature_malformed";
