import type { D1Migration } from "cloudflare:test";
import type { Bindings } from "../../../src/env.ts";
import type relay from "../../../src/index.ts";

declare global {
  interface ImportMeta {
    /** Vite's: variables of the process whose names begin with `VITE_`. */
    readonly env: Readonly<Record<string, string | undefined>>;
    /** Vite's. */
    glob<Module>(
      pattern: string | string[],
      options: { eager: true; query?: string; import?: string },
    ): Record<string, Module>;
  }

  namespace Cloudflare {
    interface GlobalProps {
      readonly mainModule: { readonly default: typeof relay };
    }

    interface Env extends RelayEnv {
      readonly MIGRATIONS: D1Migration[];
    }
  }
}

type RelayEnv = Bindings;
