import type { Child } from "hono/jsx";

/** Names and what they are, one under the other; null is left out. */
export function Facts({ facts }: { readonly facts: Readonly<Record<string, Child>> }) {
  return (
    <dl class="fact-sheet">
      {Object.entries(facts)
        .filter(([, fact]) => fact !== null)
        .map(([name, fact]) => (
          <div>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
    </dl>
  );
}
