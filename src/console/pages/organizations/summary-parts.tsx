import type { Summary } from "../../../qonto/summary.ts";

/** What a summary says beside its name and its numbers; for the inside of a line of words. */
export function SummaryWords({ words }: Pick<Summary, "words">) {
  return (
    <>
      {words.map((word) => (
        <bdi class="known-word">{word}</bdi>
      ))}
    </>
  );
}
