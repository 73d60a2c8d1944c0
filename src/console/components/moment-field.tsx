import { instantText } from "../../api/schemas/common.ts";
import { Field } from "./form.tsx";

interface MomentFieldProps {
  readonly label: string;
  readonly name: string;
  /** Unix milliseconds. */
  readonly value?: number | undefined;
  readonly isRequired?: boolean;
  /** What is wrong with what was chosen. */
  readonly fault?: string | undefined;
}

/** A later one would have a year of more digits. */
const LATEST = "9999-12-31T23:59:59";

/** A moment to choose. It is in UTC and says so: without JavaScript nobody knows the reader's zone. */
export function MomentField({ label, name, value, isRequired = false, fault }: MomentFieldProps) {
  return (
    <Field label={`${label} (UTC)`}>
      <input
        type="datetime-local"
        name={name}
        step="1"
        max={LATEST}
        value={value === undefined ? undefined : momentText(value)}
        required={isRequired}
        aria-invalid={fault === undefined ? undefined : "true"}
      />
      {fault === undefined ? null : <span class="fault">{fault}</span>}
    </Field>
  );
}

/** What such a field sends, or what is typed where a browser has none, in Unix milliseconds. */
export const moment = instantText("Must be a moment, such as 2026-11-24T10:05");

/** For such a field, and for the query of a page with one. */
export function momentText(at: number): string {
  return new Date(at).toISOString().slice(0, 19);
}
