import { destinationActionAddress } from "../../addresses.ts";
import { Field, MomentField } from "../../ui/form.tsx";

interface ReplayFormProps {
  readonly destinationId: string;
  readonly which?: "failed" | "missing" | "all";
  /** Unix milliseconds. */
  readonly since: number | undefined;
  readonly until?: number | undefined;
  readonly faults?: ReplayFaults;
}

/** What is wrong with what was asked: a sentence by the field at which it stands. */
export interface ReplayFaults {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

const choices = [
  { which: "failed", title: "What was given up" },
  { which: "missing", title: "What it missed: it wants it and was never owed it" },
  { which: "all", title: "Everything it wants, also what it has" },
] as const;

/** Asks what to replay. Sending it only counts. */
export function ReplayForm({ destinationId, which = "failed", since, until, faults = {} }: ReplayFormProps) {
  return (
    <section aria-labelledby="replay">
      <h2 id="replay">Replay</h2>
      <form method="get" action={destinationActionAddress(destinationId, "replay")} class="filters">
        <Field label="What">
          <select name="which">
            {choices.map((choice) => (
              <option value={choice.which} selected={choice.which === which}>
                {choice.title}
              </option>
            ))}
          </select>
        </Field>
        <MomentField label="Received since" name="since" value={since} fault={faults.since} isRequired />
        <MomentField label="Until; empty: now" name="until" value={until} fault={faults.until} />
        <div class="filters-end">
          <button type="submit" class="button button-plain">
            Count
          </button>
        </div>
      </form>
      <p class="help">The events are counted first; nothing is sent before you have seen how many they are.</p>
    </section>
  );
}
