import type { PropsWithChildren } from "hono/jsx";
import { FORM_TOKEN, type Viewer, readOnlyReason } from "../requests.ts";

type FormProps = PropsWithChildren<{ readonly viewer: Viewer; readonly action: string; readonly class?: string }>;

/** A form that changes something: it proves to be one of the viewer's. */
export function Form({ viewer, action, children, ...rest }: FormProps) {
  return (
    <form method="post" action={action} {...rest}>
      <input type="hidden" name={FORM_TOKEN} value={viewer.formToken} />
      {children}
    </form>
  );
}

type ButtonProps = PropsWithChildren<{
  readonly viewer: Viewer;
  readonly kind?: "main" | "plain" | "danger";
  readonly name?: string;
  readonly value?: string;
}>;

/** Sends the form that it is in. Who may only look sees it, and why it cannot be pressed. */
export function Button({ viewer, kind = "plain", children, ...rest }: ButtonProps) {
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

/** A button that is a form of its own. */
export function Press({ action, ...button }: ButtonProps & { readonly action: string }) {
  return (
    <Form viewer={button.viewer} action={action} class="press">
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
