import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { emptyDatabase } from "./relay.ts";
// The Worker loads these when they are first asked for. Loaded here, it takes no time in which a test's clock would run.
import "../../../src/console/console.tsx";
import "../../../src/api/api.ts";
import "../../../src/connection/look-after.ts";
import "../../../src/outbound/format/texts.ts";

await applyD1Migrations(env.DB, env.MIGRATIONS);
await emptyDatabase();
