import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { operatorApi } from "../../../src/api/api.ts";
import { Counters } from "../../../src/domain/counters.ts";
import { realWorld } from "../../../src/platform/world.ts";

/** The last of the faults of other gateways, 17: a document promises what is not there. */

const root = path.join(import.meta.dirname, "../../..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found = ""]) => found);

const { version, scripts, dependencies, devDependencies } = z
  .object({
    version: z.string(),
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(read("package.json")));

const filesBelow = (folder: string, pattern: RegExp) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name))
    .map((name) => path.join(folder, name));

const documents = ["README.md", "CHANGELOG.md", ...filesBelow("src", /\.md$/), ...filesBelow("test", /\.md$/)];
const contents = documents.map((file) => ({ file, text: read(file) }));
const source = [...filesBelow("src", /\.tsx?$/), ...filesBelow("test", /\.ts$/), "wrangler.toml"].map(read).join("\n");

/** As GitHub makes them of headings. */
const anchorsOf = (text: string) =>
  all(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );

describe.each(contents)("$file", ({ file, text }) => {
  it("links to what is there", () => {
    const targets = all(text, /\]\(([^)]+)\)/g).filter((target) => !/^https?:/.test(target));
    for (const target of targets) {
      const [name = "", anchor] = target.split("#");
      const linked = name === "" ? file : path.join(path.dirname(file), name);
      expect(existsSync(path.join(root, linked)), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(read(linked)), target).toContain(anchor);
      if (linked.endsWith(".test.ts")) expect(read(linked), target).toMatch(/^\s*(?:it|fc|describe)/m);
    }
  });

  it("names only files that are there", () => {
    const named = all(text, /(?<![\w/.])((?:src|test|migrations)\/[\w./-]*[\w/])/g);
    expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
    const below = ["", "src", path.dirname(file)];
    const quoted = all(text, /(?<!\[)`([\w.-]+(?:\/[\w.-]+)*\/(?:[\w.-]+\.(?:tsx?|mjs|json|sql|css))?)`/g);
    expect(quoted.filter((name) => below.every((folder) => !existsSync(path.join(root, folder, name))))).toEqual([]);
    const mapped = all(text, /^([\w-]+(?:\.ts|\/)) {2,}\S/gm);
    expect(mapped.filter((name) => !existsSync(path.join(root, path.dirname(file), name)))).toEqual([]);
  });

  it("names only commands that are there", () => {
    const commands = all(text, /\bnpm run ([\w-]+)/g);
    expect(commands.filter((command) => !Object.hasOwn(scripts, command))).toEqual([]);
    const known = all(read("src/cli/README.md"), /^## ([a-z][a-z -]*)$/gm).flatMap((name) => [
      name,
      name.split(" ")[0],
    ]);
    const used = all(text, /npm run qonto (?:--silent )?-- ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/g);
    expect(used.filter((name) => !known.includes(name) && !known.includes(name.split(" ")[0] ?? ""))).toEqual([]);
  });
  it("names only variables that are read", () => {
    const ofNode = ["NODE_ENV"];
    const named = all(text, /`([A-Z][A-Z\d]*_[A-Z\d_]+)(?:=\w+)?`/g);
    expect(named.filter((name) => !ofNode.includes(name) && !new RegExp(`\\b${name}\\b`).test(source))).toEqual([]);
  });

  it("shows each guarantee by a test", () => {
    const [, section = ""] = /^## Guarantees$(.*?)^## /ms.exec(text) ?? [];
    const guarantees = section.split(/^(?=(?:-|\d+\.) )/m).filter((item) => /^(?:-|\d)/.test(item));
    for (const guarantee of guarantees) expect(guarantee).toMatch(/\]\([\w./-]+\.test\.ts\)/);
    if (/^(?:README|src\/(?:receive|retry)\/README)\.md$/.test(file)) expect(guarantees.length).toBeGreaterThan(5);
  });
});

describe("the documents", () => {
  it("name only calls that the API has", async () => {
    const api = operatorApi({ ...realWorld, fetch: () => Promise.reject(new Error("no network")) }, new Counters());
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await (await api.request("/openapi.json")).json());
    const templates = Object.entries(paths).map(([template, operations]) => ({
      pattern: new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
      methods: Object.keys(operations),
    }));
    const pattern =
      /(?:\b(GET|POST|PUT|PATCH|DELETE) |localhost:8787|`)(\/(?:api\/|health|metrics|openapi)[\w/:.{}-]*)/g;
    const calls = contents.flatMap(({ text }) =>
      Array.from(text.matchAll(pattern), ([, method = "", called = ""]) => ({
        method: method.toLowerCase(),
        called,
      })),
    );
    expect(calls.length).toBeGreaterThan(15);
    for (const { method, called } of calls.filter((one) => one.called !== "/openapi.json")) {
      const methods = templates.find((one) => one.pattern.test(called))?.methods;
      expect(methods, called).toBeDefined();
      if (method !== "") expect(methods, called).toContain(method);
    }
  });

  it("begin with a README of at most 180 lines", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(181);
  });

  it("have every variable that the relay reads in the README's table, and no other", () => {
    const declared = all(
      /export interface Env \{(.*?)^\}/ms.exec(read("src/env.ts"))?.[1] ?? "",
      /readonly ([A-Z_]+)\?: string/g,
    );
    expect(all(read("README.md"), /^\| `([A-Z_]+)`/gm).toSorted()).toEqual(declared.toSorted());
  });

  it("have every refusal of a webhook with its status, and no other", () => {
    const refusals = all(read("src/receive/refusals.ts"), /^ {2}(\w+: \{\n {4}status: \d+)/gm);
    const documented = all(read("src/receive/README.md"), /^\| ([45]\d\d `\w+`)/gm);
    expect(documented.toSorted()).toEqual(refusals.map((one) => one.replace(/^(\w+).*?(\d+)$/s, "$2 `$1`")).toSorted());
  });

  it("give the reason for every dependency", () => {
    const [, section = ""] = /^## Dependencies$(.*)/ms.exec(read("src/README.md")) ?? [];
    expect(all(section, /^- `([^`]+)`: \w/gm).toSorted()).toEqual(
      Object.keys({ ...dependencies, ...devDependencies }).toSorted(),
    );
  });

  it("have the project's version in the changelog", () => {
    expect(all(read("CHANGELOG.md"), /^## \[(\d[\d.]*)\]/gm)[0]).toBe(version);
  });
});
