import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../../..");

/** Words that named something once, and the one that names it now. In identifiers they count as in texts. */
const retired: Readonly<Record<string, string>> = {
  // Not its plural: that is a product, and a format.
  team: "destination",
  taker: "destination",
  owed: "pending, recipients",
  owe: "pending, recipients",
  owes: "pending, recipients",
  ladder: "retry schedule",
  ladders: "retry schedules",
  lane: "drain, isolated",
  lanes: "drain, isolated",
  visited: "drained",
  resting: "open circuit",
  rested: "open circuit",
  upkeep: "cron",
  tally: "counters",
  tallies: "counters",
  wake: "drain message",
  wakes: "drain message",
  woken: "drain message",
  waking: "drain message",
  awake: "drain message",
  sweep: "recovery scan",
  swept: "recovery scan",
  forgotten: "recovery scan",
  secured: "persisted",
  unseal: "decrypt",
  seal: "encrypt",
  sealed: "encrypted",
  reseal: "re-encrypt",
  gist: "summary",
  gists: "summaries",
  glance: "summary",
  glances: "summaries",
  glimpse: "summary",
  glimpses: "summaries",
  sighting: "event that was seen",
  sightings: "events that were seen",
  wish: "input, options",
  wishes: "input, options",
  wished: "input, options",
  deed: "action",
  deeds: "actions",
  patient: "target",
  anew: "again",
  whoever: "who",
  vain: "without result",
  fanned: "dispatched",
  fanning: "dispatched",
  firsts: "first successes",
};

/** The same for what is more than one word. */
const retiredPhrases = [
  /\bset aside\b/i,
  /\bkept back\b/i,
  /\bunder way\b/i,
  /\bon (its|their) way\b/i,
  /\b(given|gave|gives|give|giving) up( on)?\b/i,
  /\bhanded out\b/i,
  /\b(came|comes|come) again\b/i,
  /\btime[- ]box(es)?\b/i,
  /\bwell again\b/i,
  /\bneeds a look\b/i,
  /\bma(de|kes?) good\b/i, // recover, persist
  /\bsend(s)? for what is left\b/i,
  /\bclaimed_?until\b/i, // leaseUntil
  /\bbody_?differs\b/i, // conflict
  /\bwants(Sql|It)\b/, // matches
];

/** In a document, a team is people. */
function isOfPeople(word: string, file: string): boolean {
  return file.endsWith(".md") && /^teams?$/i.test(word);
}

const files = ["src", "test", "migrations"]
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name)),
  )
  .concat("README.md", "CHANGELOG.md", "wrangler.toml", "package.json", ".dev.vars.example")
  .filter((file) => statSync(path.join(root, file)).isFile())
  .filter((file) => !file.endsWith("samples.json")) // Qonto's own words.
  .filter((file) => /\.(tsx?|mjs|js|css|sql|md|toml|json|example)$/.test(file) && !file.endsWith("words.test.ts"));

it.each(files)("%s says a thing by its word", (file) => {
  const text = `${file}\n${readFileSync(path.join(root, file), "utf8")}`;
  const found = text.split("\n").flatMap((line, index) => {
    const words = line.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? [];
    const names = words.filter((word) => Object.hasOwn(retired, word.toLowerCase()) && !isOfPeople(word, file));
    const phrases = retiredPhrases.flatMap((phrase) => phrase.exec(line)?.[0] ?? []);
    return [...names, ...phrases].map(
      (word) => `${file}:${index} ${word}: ${retired[word.toLowerCase()] ?? "see the list"}`,
    );
  });
  expect(found).toEqual([]);
});
