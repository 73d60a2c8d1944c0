import { Iban } from "../../components/iban.tsx";
import type { Gist } from "./gist.ts";

/** What a gist says beside its name and its amount; for the inside of a line of words. */
export function GistWords({ gist: { iban, words } }: { readonly gist: Gist }) {
  return (
    <>
      {iban === null ? null : <Iban iban={iban} />}
      {words.map((word) => (
        <bdi class="known-word">{word}</bdi>
      ))}
    </>
  );
}
