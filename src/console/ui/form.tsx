import type { JSX, PropsWithChildren } from "hono/jsx";
import { z } from "zod";
import { isOffered } from "../destination-pages.ts";
import { type Viewer, FORM_TOKEN, readOnlyReason } from "../requests.ts";
import { useOwnDestination, usePage } from "../show-page.tsx";
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

interface ButtonLinkProps {
  readonly href: string;
  readonly kind?: "main" | "plain" | "danger";
  readonly rel?: "next";
}

/** A link that looks like a button. Nothing where the viewer is not let in. */
export function ButtonLink({ href, kind = "plain", rel, children }: PropsWithChildren<ButtonLinkProps>) {
  if (!isOffered(useOwnDestination(), "look", href)) return null;
  return (
    <a class={`button button-${kind}`} rel={rel} href={href}>
      {children}
    </a>
  );
}

/** Copies the text of the element with the id. Without JavaScript it is hidden. */
export function CopyButton({ id, kind = "plain" }: { readonly id: string; readonly kind?: "plain" | "small" }) {
  return (
    <button type="button" class={`button button-${kind}`} data-copy={id} hidden>
      Copy
    </button>
  );
}

/** A link to a page. The text alone where the viewer is not let in. */
export function PageLink({ href, children }: PropsWithChildren<{ readonly href: string }>) {
  return isOffered(useOwnDestination(), "look", href) ? <a href={href}>{children}</a> : <>{children}</>;
}

/** A button that is a form of its own. Nothing where the viewer may not send it. */
export function Press({ action, ...button }: ButtonProps & { readonly action: string }) {
  if (!isOffered(useOwnDestination(), "change", action)) return null;
  return (
    <Form action={action} class="press">
      <Button {...button} />
    </Form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  /** Of the control; its name unless a page has several fields of that name. */
  readonly id?: string;
  readonly help?: string | undefined;
  /** What is wrong with the value. */
  readonly fault?: string | undefined;
}

/** A control with its label, its help and its fault. */
function Field({ label, name, id = name, help, fault, children }: PropsWithChildren<FieldProps>) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {help === undefined ? null : (
        <span class="help" id={`${id}-help`}>
          {help}
        </span>
      )}
      <Fault name={id} fault={fault} />
    </div>
  );
}

export function Fault({ name, fault }: Pick<FieldProps, "name" | "fault">) {
  if (fault === undefined) return null;
  return (
    <span class="fault" id={`${name}-fault`}>
      {fault}
    </span>
  );
}

/** Ties a control to its label, its help and its fault for screen readers. */
function tiedTo({ name, id = name, help, fault }: FieldProps) {
  const about = [help === undefined ? "" : `${id}-help`, fault === undefined ? "" : `${id}-fault`].join(" ").trim();
  return {
    id,
    "aria-describedby": about === "" ? undefined : about,
    "aria-invalid": fault === undefined ? undefined : ("true" as const),
  };
}

type TextFieldProps = FieldProps & Omit<JSX.IntrinsicElements["input"], keyof FieldProps>;

/** A field of one line. It takes the attributes of an input. */
export function TextField({ label, name, id = name, help, fault, value, ...input }: TextFieldProps) {
  const field = { label, name, id, help, fault };
  return (
    <Field {...field}>
      <input name={name} value={value} autocapitalize="off" spellcheck={false} {...input} {...tiedTo(field)} />
    </Field>
  );
}

/** A field of several lines. */
export function TextArea({ value, ...field }: FieldProps & { readonly value: string }) {
  return (
    <Field {...field}>
      <textarea name={field.name} rows={2} spellcheck={false} {...tiedTo(field)}>
        {value}
      </textarea>
    </Field>
  );
}

interface SelectProps extends FieldProps {
  /** The value and the text of each option. */
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly value?: string | undefined;
}

export function Select({ options, value, ...field }: SelectProps) {
  return (
    <Field {...field}>
      <select name={field.name} {...tiedTo(field)}>
        {options.map(([option, text]) => (
          <option value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface ConfirmProps {
  /** In a live region: it stays open. */
  readonly id?: string;
  readonly action: string;
  /** The action, on the summary and on the button. */
  readonly label: string;
  readonly kind?: "main" | "danger";
  /** Form fields that go with it. */
  readonly fields?: readonly { readonly name: string; readonly value: string }[];
}

/** An action that asks first, without JavaScript. The children say what it would do. */
export function Confirm({
  id,
  action,
  label,
  kind = "danger",
  fields = [],
  children,
}: PropsWithChildren<ConfirmProps>) {
  return (
    <details class="confirm" id={id}>
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

interface MomentFieldProps extends FieldProps {
  /** Unix milliseconds. */
  readonly value: number | undefined;
  readonly required?: boolean;
}

/** A browser takes years of more digits, and ISO 8601 does not. */
const LATEST = "9999-12-31T23:59:59";

/** An instant in UTC: without JavaScript the server does not know the reader's zone. */
export function MomentField({ label, value, ...field }: MomentFieldProps) {
  return (
    <TextField
      {...field}
      label={`${label} (UTC)`}
      type="datetime-local"
      step="1"
      max={LATEST}
      value={value === undefined ? undefined : momentText(value)}
    />
  );
}

/** Parses what the field sends into Unix milliseconds. */
export const moment = instantText("Must be a moment, such as 2026-11-24T10:05");

/** The value of the field, also for a query. */
export function momentText(at: number): string {
  return new Date(at).toISOString().slice(0, 19);
}

/** Parses a whole number that a hidden field holds. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "Is no whole number")
  .transform(Number);
