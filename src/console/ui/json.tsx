import type { Child } from "hono/jsx";
import { Iban, maskIbansIn } from "./values.tsx";
import { parseJsonLosslessly, tryDecodeUtf8 } from "../../platform/json.ts";

/** More would slow the browser down. The API gives the whole. */
const MOST_VALUES = 4_000;
const DEEPEST = 40;
const LONGEST_TEXT = 400;
/** Levels that are open at first. */
const UNFOLDED = 2;

interface Walk {
  left: number;
}

/**
 * A payload with folded levels, isolated texts and masked IBANs. It takes what `parseJsonLosslessly` gives, so that numbers
 * stay as the bank wrote them.
 */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  const walk = { left: MOST_VALUES };
  const shown = showValue(value, { walk, depth: 0, key: "" });
  return (
    <div class="json card" role="group" aria-label={label}>
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

const MOST_CHARACTERS = 4_000;
const MOST_BYTES = 512;
const BYTES_PER_LINE = 16;

interface BodyProps {
  readonly bytes: Uint8Array;
  readonly label: string;
}

/** Any body: as JSON, else the beginning of its text, else of its bytes. */
export function Body({ bytes, label }: BodyProps) {
  if (bytes.length === 0) return <p class="help">The body is empty.</p>;
  const text = tryDecodeUtf8(bytes);
  if (text === undefined) {
    return (
      <Excerpt label={label} kind="No text: as bytes" isCut={bytes.length > MOST_BYTES}>
        {hexLines(bytes.subarray(0, MOST_BYTES))}
      </Excerpt>
    );
  }
  const value = tryParse(text);
  if (value !== undefined) return <Json value={value} label={label} />;
  return (
    <Excerpt label={label} kind="No JSON: as text" isCut={text.length > MOST_CHARACTERS}>
      {withSigns(maskIbansIn(text.slice(0, MOST_CHARACTERS)))}
    </Excerpt>
  );
}

interface ExcerptProps {
  readonly label: string;
  readonly kind: string;
  readonly isCut: boolean;
  readonly children: string;
}

function Excerpt({ label, kind, isCut, children }: ExcerptProps) {
  return (
    <>
      <p class="help">
        {kind}
        {isCut ? ", its beginning; the API shows it whole." : "."}
      </p>
      {/* What scrolls has to be reached by keyboard. */}
      <pre class="excerpt" tabindex={0} role="region" aria-label={label}>
        <bdi>{children}</bdi>
      </pre>
    </>
  );
}

function tryParse(text: string): unknown {
  try {
    return parseJsonLosslessly(text);
  } catch {
    return undefined;
  }
}

// oxlint-disable-next-line no-control-regex
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Invisible characters, and those that change the direction of text, are shown by number. */
function withSigns(text: string): string {
  return text.replaceAll(unseen, (sign) => `⟨${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** `0000  7b 22 69 64 …  {"id`. */
function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += BYTES_PER_LINE) {
    const line = Array.from(bytes.subarray(start, start + BYTES_PER_LINE));
    const hex = line.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${start.toString(16).padStart(4, "0")}  ${hex.padEnd(BYTES_PER_LINE * 3 - 1)}  ${text}`);
  }
  return lines.join("\n");
}
