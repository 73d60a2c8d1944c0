import type { Child } from "hono/jsx";
import { Field } from "./form.tsx";

interface FindFormProps {
  readonly action: string;
  readonly label: string;
  /** The id that was searched. */
  readonly value?: string | undefined;
}

/** Finds a page by a whole id. */
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

interface TrailProps {
  readonly steps: readonly { readonly href: string; readonly text: Child }[];
}

/** The pages above this one, from the top down. */
export function Trail({ steps }: TrailProps) {
  return (
    <nav class="known-trail" aria-label="Pages above this one">
      <ol>
        {steps.map(({ href, text }) => (
          <li>
            <a href={href}>
              <bdi>{text}</bdi>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}
