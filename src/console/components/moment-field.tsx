import { z } from "zod";
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

/** What such a field sends, in Unix milliseconds; some browsers leave seconds out that are none. */
export const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/, "Must be a moment, such as 2026-11-24T10:05")
  .transform((text) => Date.parse(`${text}Z`))
  .refine((at) => !Number.isNaN(at), "Is no date");

/** For such a field, and for the query of a page with one. */
export function momentText(at: number): string {
  return new Date(at).toISOString().slice(0, 19);
}
