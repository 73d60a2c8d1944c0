import { Iban } from "../../components/iban.tsx";
import type { Gist } from "./gist.ts";

/** What a gist says beside its name and its amount. */
export function GistWords({ gist: { iban, words } }: { readonly gist: Gist }) {
  return (
    <span class="words">
      {iban === null ? null : <Iban iban={iban} />}
      {words.map((word) => (
        <bdi class="word">{word}</bdi>
      ))}
    </span>
  );
}
