import { isObject, parseJsonLosslessly } from "../../../platform/json.ts";
import { maskIbansIn } from "../../components/iban.tsx";

const LONGEST_VALUE = 160;
/** More are folded. */
const SHOWN_AT_ONCE = 3;

interface DifferenceProps {
  /** JSON as the trail keeps it. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What was there and what is there now, field by field; what stayed the same is left out. */
export function Difference({ before, after }: DifferenceProps) {
  const [was, is] = [read(before), read(after)];
  const names = [...new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})])];
  const changed = names.filter((name) => was === null || is === null || !isSame(was[name], is[name]));
  if (names.length === 0) return <span class="help">No more to say</span>;
  if (changed.length === 0) return <span class="help">Left as it was</span>;
  const fields = (
    <dl class="difference">
      {changed.map((name) => (
        <div>
          <dt>
            <bdi>{name}</bdi>
          </dt>
          <dd>
            {was === null ? null : <Was value={was[name]} />}
            {was === null || is === null ? null : <span aria-hidden="true"> → </span>}
            {is === null ? null : <Is value={is[name]} />}
          </dd>
        </div>
      ))}
    </dl>
  );
  if (changed.length <= SHOWN_AT_ONCE) return fields;
  return (
    <details>
      <summary>{changed.length} fields</summary>
      {fields}
    </details>
  );
}

function Was({ value }: { readonly value: unknown }) {
  return (
    <>
      <span class="unseen">was </span>
      <del>
        <bdi>{inWords(value)}</bdi>
      </del>
    </>
  );
}

function Is({ value }: { readonly value: unknown }) {
  return (
    <>
      <span class="unseen"> is now </span>
      <ins>
        <bdi>{inWords(value)}</bdi>
      </ins>
    </>
  );
}

/** What is no object is a field without a name. */
function read(json: string | null): Readonly<Record<string, unknown>> | null {
  if (json === null) return null;
  const value = tryParse(json);
  return isObject(value) ? value : { "": value };
}

function tryParse(json: string): unknown {
  try {
    return parseJsonLosslessly(json);
  } catch {
    return json;
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function inWords(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  const text = maskIbansIn(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
