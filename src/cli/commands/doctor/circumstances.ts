import type { AccessHeaders } from "../../cloudflare-access.ts";
import type { Configuration } from "../../deploy/configuration.ts";
import type { Surveyed } from "../../deploy/survey.ts";
import type { QontoClient } from "../../qonto-client.ts";
import type { RelayClient } from "../../relay-client.ts";
import type { Target } from "./target.ts";
import type { World } from "./world.ts";

/** Secrets of one of Qonto's systems that this machine knows, and where they stand. */
export interface KnownSecrets {
  readonly values: readonly string[];
  readonly from: string;
}

/** Qonto's API, and how far its clock was ahead of this machine's when it last answered; null before. */
export interface Qonto {
  readonly client: QontoClient;
  readonly clockAheadMs: () => number | null;
}

/** What is deployed in an account at Cloudflare, beside what should be. */
export interface Deployed {
  readonly configuration: Configuration;
  readonly found: Surveyed;
}

/** A way to something that there is, or how there would be one. */
export type Access<Thing> = { readonly thing: Thing } | { readonly lacks: string; readonly enable: string };

export interface Circumstances {
  readonly target: Target;
  readonly world: World;
  readonly secrets: { readonly business: KnownSecrets | null; readonly onboarding: KnownSecrets | null };
  readonly relay: Access<RelayClient>;
  /** For /health. */
  readonly accessHeaders: AccessHeaders;
  readonly qonto: Access<Qonto>;
  readonly cloudflare: Access<() => Promise<Deployed>>;
  /** As whom the Onboarding API is used; null when it is not. */
  readonly partnerId: string | null;
  readonly isSandbox: boolean;
  readonly progress: (text: string) => void;
}
