import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeEach, expect, it } from "vitest";
import { digestOf } from "../../../src/platform/digest.ts";
import { makeTokenText } from "../../../src/api/authenticate.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { dropTables, migrate } from "../support/schema.ts";

/** The migration that makes the table of tokens again. */
const MIGRATION = "0005_destination_tokens.sql";

beforeEach(dropTables);

afterAll(async () => {
  await migrate();
  await emptyDatabase();
});

it("tokens from before there were those of destinations stay as they are", async () => {
  const at = env.MIGRATIONS.findIndex(({ name }) => name === MIGRATION);
  await applyD1Migrations(env.DB, env.MIGRATIONS.slice(0, at));
  const relay = new TestRelay();
  const key = relay.env.ENCRYPTION_KEYS ?? relay.env.ADMIN_TOKEN ?? "";
  const text = await makeTokenText({ trustedKeys: [key] }, realWorld);
  const insert = env.DB.prepare(
    "INSERT INTO tokens (id, name, access, digest, created_at, last_used_at) VALUES (?1, ?2, ?3, ?4, 1, ?5)",
  );
  await env.DB.batch([
    insert.bind("tok_1", "grafana", "read", "digest", null),
    insert.bind("tok_2", "ci", "full", await digestOf(text), relay.now),
  ]);
  await migrate();
  const response = await relay.fetch("/api/tokens", { headers: { authorization: `Bearer ${text}` } });
  expect(response.status).toBe(200);
  const created_at = new Date(1).toISOString();
  expect((await response.json<{ data: unknown }>()).data).toEqual([
    { id: "tok_1", name: "grafana", access: "read", destination_id: null, created_at, last_used_at: null },
    {
      id: "tok_2",
      name: "ci",
      access: "full",
      destination_id: null,
      created_at,
      last_used_at: new Date(relay.now).toISOString(),
    },
  ]);
  const write = (access: string, destinationId: string | null) =>
    env.DB.prepare(
      "INSERT INTO tokens (id, name, access, digest, created_at, destination_id) VALUES (?1, ?1, ?2, ?1, 1, ?3)",
    )
      .bind(`${access} ${destinationId}`, access, destinationId)
      .run();
  await expect(write("destination", null)).rejects.toThrow("CHECK");
  await expect(write("full", "dst_1")).rejects.toThrow("CHECK");
  await expect(write("destination", "dst_1")).resolves.toMatchObject({ success: true });
});
