import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Command } from "commander";
import { documentedProgram } from "../../../src/cli/command-line.ts";

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
  const commands = helpOf(documentedProgram());
  const others = await Promise.all(
    Object.entries(programs).map(async ([script, program]) => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, "--help"], { cwd: root });
      return section(`npm run ${script}`, stdout);
    }),
  );
  return `${introduction}${MARK}\n${[...commands, ...others].join("\n")}`;
}

/** The help of a command or, of a group, that of each command in it. */
function helpOf(command: Command, names: readonly string[] = []): string[] {
  const below = command.commands.flatMap((one) => helpOf(one, [...names, one.name()]));
  if (below.length > 0 && names.length > 0) return below;
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return [section(names.join(" ") || command.name(), help), ...below];
}

/** What holds for every command is said once, by the first section. */
function section(title: string, help: string): string {
  const own = help.replace(/^Global Options:\n(?: .*\n)+\n?/m, "").replace(/^ +-h, --help .*\n/m, "");
  return `## ${title}\n\n\`\`\`text\n${own.trimEnd()}\n\`\`\`\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, await writeDocument());
