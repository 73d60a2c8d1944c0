import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operatorApi } from "../../../src/api/api.ts";
import { Counters } from "../../../src/domain/counters.ts";
import { operationalTypes } from "../../../src/domain/operational-event.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { eventTypes } from "../../../src/qonto/event-types.ts";

/** What a downstream developer gets who has types made from /openapi.json by openapi-typescript. */

const root = path.join(import.meta.dirname, "../../..");

/** Within the project, so that the compiler finds the types of the Worker's runtime. */
let directory: string;

/** The compiler's complaints by program. */
let complaints: Partial<Record<string, string[]>>;

const text = (value: unknown) => JSON.stringify(value);

/** Programs that use the generated types. */
const programs = {
  examples: eventTypes.map(
    ({ type, example }, index) =>
      `export const example${index}: Body<${text(type)}> & { new_field: number } = ${text({ ...example, new_field: 1 })};`,
  ),
  operational: [
    // The second declares what the runtime adds to JSON.
    `import type { OperationalData } from ${text(path.join(root, "src/domain/operational-event.ts"))};
    import ${text(path.join(root, "src/platform/json.ts"))};`,
    ...operationalTypes.map(
      (type, index) => `
      declare const data${index}: Mutable<OperationalData[${text(type)}]>;
      ({ id: "relay_1", type: ${text(type)}, created_at: "", data: data${index} }) satisfies Body<${text(type)}>;`,
    ),
  ],
  union: [
    `export function amountOf(event: Body<keyof webhooks>): number | string | null | undefined {
      return "type" in event && event.type === "v1/transactions" ? event.data.amount : null;
    }`,
  ],
  wrong: [
    `declare const event: Body<"v1/transactions">;
    export const type: "v1/cards" = event.type;
    export const label: string = event.data.label;
    export const id: string = event.data.id;`,
  ],
};

beforeAll(async () => {
  directory = await mkdtemp(path.join(root, ".wrangler/generated-types-"));
  await writeFile(path.join(directory, "relay.d.ts"), await generateTypes());
  const files = Object.entries(programs).map(([name, parts]) => ({ file: path.join(directory, `${name}.ts`), parts }));
  for (const { file, parts } of files) await writeFile(file, `${beginning}\n${parts.join("\n")}\n`);
  complaints = Object.groupBy(await compile(files.map(({ file }) => file)), (line) =>
    path.basename(line.split("(")[0] ?? "", ".ts"),
  );
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const beginning = `
  import type { webhooks } from "./relay.d.ts";
  type Body<Type extends keyof webhooks> = webhooks[Type]["post"]["requestBody"]["content"]["application/json"];
  // The generated arrays are mutable.
  type Mutable<Data> = { [Name in keyof Data]: Data[Name] extends readonly (infer Item)[] ? Item[] : Data[Name] };
`;

async function generateTypes(): Promise<string> {
  const compiler = new URL("typescript-for-generator.ts", import.meta.url).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier === "typescript" ? compiler : specifier, context),
  });
  const { default: generate, astToString } = await import("openapi-typescript");
  hooks.deregister();
  const api = operatorApi({ ...realWorld, fetch: () => Promise.reject(new Error("no network")) }, new Counters());
  return astToString(await generate(await (await api.request("/openapi.json")).text()));
}

/** Checks programs as strictly as TypeScript does; resolves with a line for each complaint. */
async function compile(files: readonly string[]): Promise<string[]> {
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "esnext",
    "--module",
    "nodenext",
    "--allowImportingTsExtensions",
  ];
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  const run = promisify(execFile)(
    process.execPath,
    [
      compiler,
      "--ignoreConfig",
      "--types",
      "@cloudflare/workers-types,node",
      "--lib",
      "esnext",
      "--skipLibCheck",
      ...options,
      ...files,
    ],
    { cwd: root },
  );
  const output = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  return output.split("\n").filter((line) => /^\S/.test(line));
}

describe("types that openapi-typescript makes of the document", () => {
  it("compile, and with them every program but one that is wrong", () => {
    expect(Object.keys(complaints)).toEqual(["wrong"]);
  });

  it("take the example of every event type, also with a field that nobody knows yet", () => {
    expect(programs.examples.length).toBeGreaterThan(27);
    expect(complaints["examples"]).toBeUndefined();
  });

  it("take all that the relay may write into its own events", () => {
    expect(programs.operational.length).toBeGreaterThan(4);
    expect(complaints["operational"]).toBeUndefined();
  });

  it("tell the events of a union from one another by their type", () => {
    expect(complaints["union"]).toBeUndefined();
  });

  it("refuse another type, and a field that may be missing, and know that the id is there", () => {
    expect(complaints["wrong"]).toEqual([
      expect.stringContaining(`Type '"v1/transactions"' is not assignable to type '"v1/cards"'`),
      expect.stringContaining("Type 'string | null | undefined' is not assignable to type 'string'"),
    ]);
  });
});
