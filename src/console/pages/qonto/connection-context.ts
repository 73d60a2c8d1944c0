import { refuse } from "../../../api/refusals.ts";
import type { ConnectionContext } from "../../../connection/context.ts";
import { readConfig } from "../../../env.ts";
import type { World } from "../../../platform/world.ts";
import type { ConsoleContext } from "../../requests.ts";

/** Throws `not_configured` without an application at Qonto. */
export function connectionContext({ env }: ConsoleContext, world: World): ConnectionContext {
  const { qonto, ...config } = readConfig(env);
  if (qonto === null) {
    throw refuse("not_configured", { detail: "QONTO_CLIENT_ID and QONTO_CLIENT_SECRET are not set." });
  }
  return { env, config: { ...config, qonto }, world };
}
