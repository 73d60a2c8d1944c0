import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run } from "../../../src/cli/command-line.ts";

/** `node test/node/cli/command-help.ts` writes the generated part of src/cli/README.md: the `--help` of every command. */

const root = fileURLToPath(new URL("../../../", import.meta.url));
const file = path.join(root, "src/cli/README.md");

/** What stands above it is written by hand. */
const MARK = "<!-- generated -->\n";

/** The other programs that explain themselves. */
const programs = {
  deploy: "src/cli/deploy.ts",
  simulation: "test/simulation/main.ts",
  chaos: "test/chaos/chaos.ts",
  bench: "test/bench/bench.ts",
};

export function currentDocument(): string {
  return readFileSync(file, "utf8");
}

/** The document as it should be. */
export async function writeDocument(): Promise<string> {
  const [introduction = ""] = currentDocument().split(MARK);
  const commands = await helpOf([]);
  const others = await Promise.all(
    Object.entries(programs).map(async ([script, program]) => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, "--help"], { cwd: root });
      return section(`npm run ${script}`, stdout);
    }),
  );
  return `${introduction}${MARK}\n${[...commands, ...others].join("\n")}`;
}

/** The help of a command or, of a group, that of each command in it. */
async function helpOf(names: readonly string[]): Promise<string[]> {
  const stdout = new PassThrough();
  const written = text(stdout);
  await run([...names, "--help"], {
    env: {},
    stdin: Readable.from([]),
    stdout,
    stderr: new PassThrough(),
    workingDirectory: root,
    directory: root,
    interrupt: new AbortController().signal,
  });
  stdout.end();
  const help = await written;
  const listed = /^Usage: .*[[<]command[\]>]/.test(help) ? help.matchAll(/^ {2}([a-z][a-z-]*)(?: |$)/gm) : [];
  const below = Array.from(listed, ([, name = ""]) => name).filter((name) => name !== "help");
  const sections = below.length > 0 && names.length > 0 ? [] : [section(names.join(" ") || "qonto", help)];
  for (const name of below) sections.push(...(await helpOf([...names, name])));
  return sections;
}

/** What holds for every command is said once, by the first section. */
function section(title: string, help: string): string {
  const own = help.replace(/^Global Options:\n(?: .*\n)+\n?/m, "").replace(/^ +-h, --help .*\n/m, "");
  return `## ${title}\n\n\`\`\`text\n${own.trimEnd()}\n\`\`\`\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, await writeDocument());
