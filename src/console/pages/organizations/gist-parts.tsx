import type { Gist } from "./gist.ts";

/** What a gist says beside its name and its numbers; for the inside of a line of words. */
export function GistWords({ words }: Pick<Gist, "words">) {
  return (
    <>
      {words.map((word) => (
        <bdi class="known-word">{word}</bdi>
      ))}
    </>
  );
}
