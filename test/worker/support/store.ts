import { env } from "cloudflare:workers";
import { realWorld } from "../../../src/platform/world.ts";
import { openDatabase } from "../../../src/store/database.ts";

/** D1 as the store takes it. */
export const database = openDatabase(env.DB, realWorld);
