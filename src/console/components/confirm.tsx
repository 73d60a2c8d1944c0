import type { PropsWithChildren } from "hono/jsx";
import type { Viewer } from "../requests.ts";
import { Button, Form } from "./form.tsx";

interface ConfirmProps {
  readonly viewer: Viewer;
  readonly action: string;
  /** What is to be done, on what opens the question and on the button. */
  readonly label: string;
  readonly kind?: "main" | "danger";
  /** Form fields that go with it. */
  readonly fields?: readonly { readonly name: string; readonly value: string }[];
}

/** An action that asks first, without a script: what it would do is its children, and the button is under them. */
export function Confirm({
  viewer,
  action,
  label,
  kind = "danger",
  fields = [],
  children,
}: PropsWithChildren<ConfirmProps>) {
  return (
    <details class="ask-first">
      <summary class={`button button-${kind === "danger" ? "danger" : "plain"}`}>{`${label} …`}</summary>
      <div class="ask-first-question">
        <p>{children}</p>
        <Form viewer={viewer} action={action}>
          {fields.map((field) => (
            <input type="hidden" {...field} />
          ))}
          <Button viewer={viewer} kind={kind}>
            {label}
          </Button>
        </Form>
      </div>
    </details>
  );
}
