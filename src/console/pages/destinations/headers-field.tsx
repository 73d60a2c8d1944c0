import { TextArea } from "../../ui/form.tsx";

const NO_HEADERS = "none";

/** What the field takes, in words for people. */
export const headersSentence =
  "Give one header a line, as name: value, at most 20. Names are those of HTTP, each once, and none that the relay or the network sets; values are visible ASCII.";

interface HeadersFieldProps {
  readonly value: string;
  readonly fault: string | undefined;
  /** Names of the headers that the destination has. */
  readonly present: readonly string[];
}

export function HeadersField({ value, fault, present }: HeadersFieldProps) {
  const names = present.join(", ");
  return (
    <TextArea
      label="Headers"
      name="headers"
      help={
        present.length === 0
          ? "Sent with each event, one name: value a line. Values are never shown again."
          : `It has ${names}. Empty: they stay. One name: value a line replaces them all; the word ${NO_HEADERS} removes them.`
      }
      value={value}
      fault={fault}
    />
  );
}

/** The headers as the API takes them; absent: they stay. A line that is no header has no value, for the schema to refuse. */
export function headersInput(typed: string): { readonly headers?: Record<string, string | undefined> | null } {
  if (typed === "") return {};
  if (typed === NO_HEADERS) return { headers: null };
  const lines = typed.split(/\r?\n/).filter((line) => line.trim() !== "");
  const headers: Record<string, string | undefined> = {};
  for (const line of lines) {
    const [, name = line, value] = /^([^:]*):(.*)$/.exec(line) ?? [];
    headers[name.trim()] = Object.hasOwn(headers, name.trim()) ? undefined : value?.trim();
  }
  return { headers };
}
