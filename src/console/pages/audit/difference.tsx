import { isObject, parseJsonLosslessly } from "../../../platform/json.ts";
import type { AuditRecord } from "../../../store/audit.ts";
import { maskIbansIn } from "../../ui/values.tsx";

const LONGEST_VALUE = 160;
/** More are folded. */
const SHOWN_AT_ONCE = 3;

/** What was there and what is there now, field by field; what stayed the same is left out. */
export function Difference({ before, after, outcome }: Pick<AuditRecord, "before" | "after" | "outcome">) {
  const [was, is] = [read(before), read(after)];
  const names = [...new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})])];
  const changed = names.filter((name) => was === null || is === null || !isSame(was[name], is[name]));
  if (names.length === 0) return <span class="soft">Nothing more</span>;
  if (changed.length === 0) return <span class="soft">Left as it was</span>;
  const fields = (
    <dl class="field-changes">
      {changed.map((name) => (
        <div>
          <dt>
            <bdi>{name}</bdi>
          </dt>
          <dd>
            {was === null ? null : <Was value={was[name]} isGone={outcome === "done"} />}
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

/** Of what did not come to its end nobody knows whether it is gone. */
function Was({ value, isGone }: { readonly value: unknown; readonly isGone: boolean }) {
  const text = <bdi>{inWords(value)}</bdi>;
  if (!isGone) return <>was {text}</>;
  return (
    <>
      <span class="unseen">was </span>
      <del>{text}</del>
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
