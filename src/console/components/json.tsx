import type { Child } from "hono/jsx";
import { Iban, maskIbansIn } from "./iban.tsx";

/** A browser lays out a few thousand things at ease; who wants more takes the API. */
const MOST_VALUES = 4_000;
const DEEPEST = 40;
const LONGEST_TEXT = 400;
/** Levels that are unfolded at first. */
const UNFOLDED = 2;

interface Walk {
  left: number;
}

/**
 * A payload to read: what holds more is folded, texts stand by themselves whatever their direction, IBANs are masked. Takes
 * what `parseJsonLosslessly` gives, so that numbers are as the bank wrote them.
 */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  const walk = { left: MOST_VALUES };
  const shown = showValue(value, { walk, depth: 0, key: "" });
  return (
    <div class="json" role="group" aria-label={label}>
      {shown}
      {walk.left <= 0 ? <p class="help">There is more than a page can hold: the API shows it whole.</p> : null}
    </div>
  );
}

interface Position {
  readonly walk: Walk;
  readonly depth: number;
  readonly key: string;
}

function showValue(value: unknown, position: Position): Child {
  position.walk.left -= 1;
  if (typeof value === "string") return showText(value, position.key);
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) {
    return <span class="json-plain">{JSON.stringify(value) ?? ""}</span>;
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const size = isList ? `${entries.length} items` : `${entries.length} fields`;
  if (entries.length === 0) return <span class="json-plain">{isList ? "[ ]" : "{ }"}</span>;
  if (position.depth >= DEEPEST) return <span class="json-plain">… {size}</span>;
  const inner = <dl>{showEntries(entries, position)}</dl>;
  if (position.depth === 0) return inner;
  return (
    <details open={position.depth < UNFOLDED}>
      <summary>{size}</summary>
      {inner}
    </details>
  );
}

function showEntries(entries: readonly (readonly [string, unknown])[], { walk, depth }: Position): Child[] {
  const shown: Child[] = [];
  for (const [key, value] of entries) {
    if (walk.left <= 0) break;
    shown.push(
      <div>
        <dt>
          <bdi>{key}</bdi>
        </dt>
        <dd>{showValue(value, { walk, depth: depth + 1, key })}</dd>
      </div>,
    );
  }
  return shown;
}

function showText(text: string, key: string): Child {
  if (/(iban|account_number)$/i.test(key) && text.length > 4) return <Iban iban={text} />;
  const masked = maskIbansIn(text);
  if (masked.length <= LONGEST_TEXT) return <bdi class="json-text">{masked}</bdi>;
  return (
    <details>
      <summary>
        <bdi>{masked.slice(0, 80)}…</bdi> {masked.length} characters
      </summary>
      <bdi class="json-text">{masked}</bdi>
    </details>
  );
}
