import { z } from "zod";
import { createdToken, token as tokenSchema } from "../../api/schemas/token.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { option, readText, required } from "../options.ts";
import type { Output } from "../output.ts";

const TOKENS_PATH = "/api/tokens";

/** A newer relay may know more kinds of access. A program that reads `--json` gets them all. */
const asRead = { access: z.string() };
const token = tokenSchema.extend(asRead).loose();

const create = defineCommand({
  name: "create",
  summary: "create one; its token is shown this once",
  arguments: { name: "who it is for, as the audit trail names it" },
  asks: ["relay"],
  options: {
    access: required(
      "--access <access>",
      "`read`: sees everything; `full`: changes everything too; `destination`: sees, tests, replays and rotates its destination",
      readText,
    ),
    destination: option("--destination <id>", "whose token it is, for the access `destination`"),
  },
  example: "tokens create accounting --access destination --destination dst_0193",
  async run({ output, openRelay }, { name, access, destination }) {
    const input = { name, access, destination_id: destination };
    const created = await openRelay().post(TOKENS_PATH, input, createdToken.extend(asRead).loose());
    output.show(created, () =>
      [
        `${output.clean(created.name)}: ${created.id}`,
        `Token, shown this once:  ${output.paint("bold", created.token)}`,
      ].join("\n"),
    );
  },
});

const list = defineCommand({
  name: "list",
  summary: "list the named tokens, never their texts",
  asks: ["relay"],
  example: "tokens list --json",
  async run({ output, openRelay }) {
    const data = await Array.fromAsync(openRelay().list(TOKENS_PATH, token));
    output.show({ data }, () => asTable(data, output));
  },
});

const revoke = defineCommand({
  name: "revoke",
  summary: "revoke one at once, and end its logins to the console",
  arguments: { id: "as `tokens list` shows it" },
  asks: ["relay"],
  example: "tokens revoke tok_0193",
  async run({ output, openRelay }, { id }) {
    await openRelay().delete(`${TOKENS_PATH}/${encodeURIComponent(id)}`);
    output.show({ id, revoked: true }, () => `Revoked ${id}.`);
  },
});

export const tokens = defineGroup("tokens", "named tokens for the relay's API and console", {
  commands: [create, list, revoke],
});

function asTable(found: readonly z.output<typeof token>[], output: Output): string {
  if (found.length === 0) return "No named tokens yet. `tokens create` makes one.";
  return output.table(
    ["id", "name", "access", "destination", "last used"],
    found.map((one) => [one.id, one.name, one.access, one.destination_id ?? "", one.last_used_at ?? "never"]),
  );
}
