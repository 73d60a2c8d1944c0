import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { emptyDatabase } from "./relay.ts";

await applyD1Migrations(env.DB, env.MIGRATIONS);
await emptyDatabase();
