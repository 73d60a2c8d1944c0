import type { PropsWithChildren } from "hono/jsx";
import { type Viewer, FORM_TOKEN, readOnlyReason } from "../requests.ts";
import { usePage } from "../show-page.tsx";
import { instantText } from "../../api/schemas/common.ts";

type FormProps = PropsWithChildren<{ readonly action: string; readonly class?: string }>;

/** A form that changes something. Its token proves that it is one of the viewer's. */
export function Form({ action, children, ...rest }: FormProps) {
  return (
    <form method="post" action={action} {...rest}>
      <input type="hidden" name={FORM_TOKEN} value={useViewer().formToken} />
      {children}
    </form>
  );
}

type ButtonProps = PropsWithChildren<{
  readonly kind?: "main" | "plain" | "danger" | "small";
  readonly name?: string;
  readonly value?: string;
}>;

/** Submits its form. A viewer with read access sees it disabled, with the reason. */
export function Button({ kind = "plain", children, ...rest }: ButtonProps) {
  const viewer = useViewer();
  return (
    <button
      type="submit"
      class={`button button-${kind}`}
      disabled={!viewer.mayChange}
      title={viewer.mayChange ? undefined : readOnlyReason(viewer.by)}
      {...rest}
    >
      {children}
    </button>
  );
}

function useViewer(): Viewer {
  const { viewer } = usePage();
  if (viewer === undefined) throw new Error("A form of nobody");
  return viewer;
}

/** A button that is a form of its own. */
export function Press({ action, ...button }: ButtonProps & { readonly action: string }) {
  return (
    <Form action={action} class="press">
      <Button {...button} />
    </Form>
  );
}

type FieldProps = PropsWithChildren<{ readonly label: string; readonly help?: string }>;

/** A label around its control. */
export function Field({ label, help, children }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
      {help === undefined ? null : <span class="help">{help}</span>}
    </label>
  );
}

interface ConfirmProps {
  readonly action: string;
  /** The action, on the summary and on the button. */
  readonly label: string;
  readonly kind?: "main" | "danger";
  /** Form fields that go with it. */
  readonly fields?: readonly { readonly name: string; readonly value: string }[];
}

/** An action that asks first, without JavaScript. The children say what it would do. */
export function Confirm({ action, label, kind = "danger", fields = [], children }: PropsWithChildren<ConfirmProps>) {
  return (
    <details class="confirm">
      <summary class={`button button-${kind === "danger" ? "danger" : "plain"}`}>{`${label} …`}</summary>
      <div class="card stack">
        <p>{children}</p>
        <Form action={action}>
          {fields.map((field) => (
            <input type="hidden" {...field} />
          ))}
          <Button kind={kind}>{label}</Button>
        </Form>
      </div>
    </details>
  );
}

interface MomentFieldProps {
  readonly label: string;
  readonly name: string;
  /** Unix milliseconds. */
  readonly value?: number | undefined;
  readonly isRequired?: boolean;
  /** The error under the field. */
  readonly fault?: string | undefined;
}

/** A browser takes years of more digits, and ISO 8601 does not. */
const LATEST = "9999-12-31T23:59:59";

/** An instant in UTC: without JavaScript the server does not know the reader's zone. */
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

/** Parses what the field sends into Unix milliseconds. */
export const moment = instantText("Must be a moment, such as 2026-11-24T10:05");

/** The value of the field, also for a query. */
export function momentText(at: number): string {
  return new Date(at).toISOString().slice(0, 19);
}

interface FindFormProps {
  readonly action: string;
  readonly label: string;
  /** The id that was searched. */
  readonly value?: string | undefined;
}

/** Finds a page by a whole id. */
export function FindForm({ action, label, value }: FindFormProps) {
  return (
    <form method="get" action={action} class="actions find" role="search" aria-label="Find by id">
      <Field label={label}>
        <input name="id" value={value} required autocomplete="off" spellcheck={false} />
      </Field>
      <button type="submit" class="button">
        Find
      </button>
    </form>
  );
}
