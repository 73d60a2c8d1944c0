import Mustache from "mustache";
import type { RelayEvent } from "../../domain/event.ts";
import { isObject, parseJsonLosslessly } from "../../platform/json.ts";
import { jsonFaultAt } from "../../platform/json-fault.ts";
import { sentenceOf } from "../../qonto/sentence.ts";
import { TemplateFault } from "./fault.ts";
import { linkTo } from "./message.ts";
import { type Value, isEmpty, jsonOf, lookUp, textOf } from "./template-values.ts";

/** A loop over a long list must not exhaust an isolate. */
const MOST_CHARACTERS = 1_000_000;
const MOST_TAGS = 100_000;

/** `[kind, value, start, end, …]`, as mustache has it. A section's fifth is what stands in it. */
type Token = readonly [kind: string, value: string, start: number, end: number, inner?: unknown];

/**
 * Renders a Mustache template over an event. mustache only takes the template apart: values are inserted here, so that they are
 * JSON, keep their digits, and are never code. Throws TemplateFault.
 *
 *   {{path}}    inside of a JSON string: the text, escaped; nothing when the event lacks it
 *   {{{path}}}  the value as JSON, whatever it is; null when the event lacks it
 */
export function renderTemplate(template: string, event: RelayEvent, relayUrl: string | null): string {
  const rendering = new Rendering();
  rendering.renderAll(parseTemplate(template), [viewOf(event, relayUrl)]);
  return rendering.toJson(template);
}

/** Parses a template. Throws TemplateFault. */
function parseTemplate(template: string): readonly Token[] {
  const tokens = takeApart(template);
  const unknown = flatten(tokens).find(([kind]) => !["text", "name", "&", "#", "^", "!"].includes(kind));
  if (unknown !== undefined) {
    const what = unknown[0] === ">" ? "partials are not known" : "the marks of tags cannot be changed";
    throw new TemplateFault(`${placeIn(template, unknown[2])}: ${what}`);
  }
  return tokens;
}

function takeApart(template: string): readonly Token[] {
  try {
    // A writer of its own: the shared one keeps every template that it has seen.
    return new Mustache.Writer().parse(template) as readonly Token[];
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    if (message.startsWith("Invalid tags")) throw new TemplateFault("the marks of tags cannot be changed");
    const [, what, at] = /^(.*) at (\d+)$/s.exec(message) ?? [];
    if (what === undefined) throw error;
    throw new TemplateFault(`${placeIn(template, Number(at))}: ${what.charAt(0).toLowerCase()}${what.slice(1)}`);
  }
}

function flatten(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => [token, ...flatten(insideOf(token))]);
}

function insideOf([, , , , inner]: Token): readonly Token[] {
  return Array.isArray(inner) ? (inner as readonly Token[]) : [];
}

/** The event's body, and what the relay adds. An unreadable event has its id and its type. */
function viewOf(event: RelayEvent, relayUrl: string | null): Value {
  const { id, type, isUnreadable, body } = event;
  const json = isUnreadable ? { id, type } : parseJsonLosslessly(body);
  return { ...(isObject(json) ? json : {}), relay: { summary: sentenceOf(event), url: linkTo(event, relayUrl) } };
}

class Rendering {
  /** What was written, each with where it stands in the template. */
  readonly #pieces: { readonly text: string; readonly start: number; readonly isText: boolean }[] = [];
  #characters = 0;
  #tags = 0;

  /** `scopes`: what names are looked up in, innermost last. */
  renderAll(tokens: readonly Token[], scopes: readonly Value[]): void {
    for (const token of tokens) this.#render(token, scopes);
  }

  #render(token: Token, scopes: readonly Value[]): void {
    const [kind, value, start] = token;
    this.#count();
    switch (kind) {
      case "text":
        return this.#write({ text: value, start, isText: true });
      case "name":
        return this.#write({ text: textOf(lookUp(scopes, value)), start, isText: false });
      case "&":
        return this.#write({ text: jsonOf(lookUp(scopes, value)), start, isText: false });
      case "#": {
        const found = lookUp(scopes, value);
        const each = isEmpty(found) ? [] : Array.isArray(found) ? found : [found];
        for (const one of each) {
          this.#count();
          this.renderAll(insideOf(token), [...scopes, one]);
        }
        return;
      }
      case "^":
        if (isEmpty(lookUp(scopes, value))) this.renderAll(insideOf(token), scopes);
        return;
    }
  }

  /** Of tags, and of rounds of a section, which may be empty. */
  #count(): void {
    this.#tags += 1;
    if (this.#tags > MOST_TAGS) throw new TemplateFault(`it inserts more than ${MOST_TAGS} values`);
  }

  #write(piece: { readonly text: string; readonly start: number; readonly isText: boolean }): void {
    this.#characters += piece.text.length;
    if (this.#characters > MOST_CHARACTERS) throw new TemplateFault(`it gives more than ${MOST_CHARACTERS} characters`);
    this.#pieces.push(piece);
  }

  /** What was written, if it is JSON. */
  toJson(template: string): string {
    const json = this.#pieces.map(({ text }) => text).join("");
    const fault = jsonFaultAt(json);
    if (fault === null) return json;
    const near = json.slice(fault, fault + 20).trimEnd();
    const what = near === "" ? "its end" : `‘${near}’`;
    throw new TemplateFault(`${placeIn(template, this.#startOf(fault, template.length))}: no JSON at ${what}`);
  }

  /** Where in the template a place of the result comes from. */
  #startOf(index: number, end: number): number {
    let before = 0;
    for (const { text, start, isText } of this.#pieces) {
      if (index < before + text.length) return isText ? start + index - before : start;
      before += text.length;
    }
    return end;
  }
}

/** `line 3, column 12`. */
function placeIn(template: string, index: number): string {
  const lines = template.slice(0, index).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}
