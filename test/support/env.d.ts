import type { D1Migration } from "cloudflare:test";
import type { Env } from "../../src/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends RelayEnv {
      readonly MIGRATIONS: D1Migration[];
    }
  }
}

type RelayEnv = Env;
