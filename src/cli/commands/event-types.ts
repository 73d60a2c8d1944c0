import { wholeSchemaOf } from "../../qonto/event-schema.ts";
import { eventTypes } from "../../qonto/event-types.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import { flag } from "../options.ts";

const list = defineCommand({
  name: "list",
  summary: "list them, each with a sentence",
  example: "event-types list --json",
  async run({ output }) {
    const data = eventTypes.map(({ type, source, description }) => ({ type, source, description }));
    output.show({ data }, () =>
      output.table(
        ["type", "says"],
        data.map(({ type, description }) => [type, description]),
      ),
    );
  },
});

const show = defineCommand({
  name: "show",
  summary: "show an example of one, or its JSON Schema",
  arguments: { type: "as `event-types list` shows it" },
  options: { schema: flag("--schema", "the JSON Schema of its body") },
  example: "event-types show v1/transactions --schema",
  async run({ output }, { type, schema }) {
    const known = eventTypes.find((one) => one.type === type);
    if (known === undefined) {
      throw wrongUsage(`${type} is not in the catalogue.`, "`npm run qonto -- event-types list` shows what is.");
    }
    output.show(schema ? wholeSchemaOf(known) : known.example, (shown) => JSON.stringify(shown, null, 2));
  },
});

export const eventTypeCommands = defineGroup("event-types", "the event types that a destination can receive", {
  commands: [list, show],
});
