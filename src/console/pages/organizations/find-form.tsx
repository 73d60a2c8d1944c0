import { Field } from "../../ui/form.tsx";

interface FindFormProps {
  readonly action: string;
  readonly label: string;
  /** What was looked for. */
  readonly value?: string | undefined;
}

/** Leads from a whole id to the page of what bears it. */
export function FindForm({ action, label, value }: FindFormProps) {
  return (
    <form method="get" action={action} class="known-find" role="search" aria-label="Find by id">
      <Field label={label}>
        <input name="id" value={value} required autocomplete="off" spellcheck={false} />
      </Field>
      <button type="submit" class="button button-plain">
        Find
      </button>
    </form>
  );
}
