import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { signatureHeaders } from "../../../src/outbound/sign.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-snippets-"));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const body = '{"id":"e1","label":"café 💳"}';

/** As the console and `/docs` show it. */
function snippet(name: string): string {
  return readFileSync(new URL(`../../../src/console/assets/snippets/${name}.txt`, import.meta.url), "utf8");
}

function write(name: string, text: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** A delivery of the relay, and what a stranger or a replay would make of it. */
async function cases() {
  const bytes = new TextEncoder().encode(body);
  const now = Math.floor(Date.now() / 1000);
  const headers = await signatureHeaders({ eventId: "e1", body: bytes }, now, [secret]);
  const old = await signatureHeaders({ eventId: "e1", body: bytes }, now - 301, [secret]);
  const newer = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
  const rotating = await signatureHeaders({ eventId: "e1", body: bytes }, now, [newer, secret]);
  return [
    { body, headers, expected: true },
    { body, headers: rotating, expected: true },
    { body: `${body} `, headers, expected: false },
    { body, headers: { ...headers, "webhook-id": "e2" }, expected: false },
    { body, headers: { ...headers, "webhook-signature": "v1," }, expected: false },
    { body, headers: { ...headers, "webhook-timestamp": "soon" }, expected: false },
    { body, headers: old, expected: false },
  ];
}

const has = (command: string) => spawnSync(command, ["--version"]).error === undefined;

describe("the verification that destinations are shown", () => {
  it("in Node tells the relay from anybody else", async () => {
    write("verify.mjs", snippet("node"));
    const input = await cases();
    const { isFromRelay } = await import(path.join(directory, "verify.mjs"));
    const answers = input.map((one) => isFromRelay(Buffer.from(one.body), one.headers, secret));
    expect(answers).toEqual(input.map(({ expected }) => expected));
  });

  it.skipIf(!has("python3"))("in Python tells the relay from anybody else (needs python3)", async () => {
    const input = await cases();
    const driver = `
import json, sys
cases, secret = json.load(open(sys.argv[1])), sys.argv[2]
print(json.dumps([is_from_relay(c["body"].encode(), c["headers"], secret) for c in cases]))`;
    const file = write("verify.py", snippet("python") + driver);
    const answers = execFileSync("python3", [file, write("cases.json", JSON.stringify(input)), secret], {
      encoding: "utf8",
    });
    expect(JSON.parse(answers)).toEqual(input.map(({ expected }) => expected));
  });

  it.skipIf(!has("go"))("in Go tells the relay from anybody else (needs go)", async () => {
    const input = await cases();
    // Go compiles what is imported of its own library: net/http alone takes a minute.
    const code = snippet("go")
      .replace("package relay", "package main")
      .replace('"net/http"', '"encoding/json"\n\t"fmt"\n\t"os"')
      .replace("headers http.Header", "headers header");
    const driver = `
type header map[string]string

func (h header) Get(name string) string { return h[name] }

func main() {
	var cases []struct { Body string; Headers map[string]string }
	text, _ := os.ReadFile(os.Args[1])
	if err := json.Unmarshal(text, &cases); err != nil { panic(err) }
	answers := []bool{}
	for _, one := range cases {
		answers = append(answers, IsFromRelay([]byte(one.Body), one.Headers, os.Args[2]))
	}
	out, _ := json.Marshal(answers)
	fmt.Println(string(out))
}`;
    const file = write("main.go", code + driver);
    const casesFile = write("cases.json", JSON.stringify(input));
    const answers = execFileSync("go", ["run", file, casesFile, secret], {
      encoding: "utf8",
      env: { ...process.env, GOFLAGS: "-mod=mod", GO111MODULE: "off" },
    });
    expect(JSON.parse(answers)).toEqual(input.map(({ expected }) => expected));
  });

  it.skipIf(!has("php"))("in PHP tells the relay from anybody else (needs php)", async () => {
    const input = await cases();
    const driver = `
$cases = json_decode(file_get_contents($argv[1]), true);
echo json_encode(array_map(fn($one) => isFromRelay($one['body'], $one['headers'], $argv[2]), $cases));`;
    const file = write("verify.php", snippet("php") + driver);
    const answers = execFileSync("php", [file, write("cases.json", JSON.stringify(input)), secret], {
      encoding: "utf8",
    });
    expect(JSON.parse(answers)).toEqual(input.map(({ expected }) => expected));
  });

  it.skipIf(!has("ruby"))("in Ruby tells the relay from anybody else (needs ruby)", async () => {
    const input = await cases();
    const driver = `
require "json"
cases = JSON.parse(File.read(ARGV[0], encoding: "utf-8"))
puts JSON.generate(cases.map { |one| from_relay?(one["body"], one["headers"], ARGV[1]) })`;
    const file = write("verify.rb", snippet("ruby") + driver);
    const answers = execFileSync("ruby", [file, write("cases.json", JSON.stringify(input)), secret], {
      encoding: "utf8",
    });
    expect(JSON.parse(answers)).toEqual(input.map(({ expected }) => expected));
  });
});
