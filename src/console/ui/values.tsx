import type { Child } from "hono/jsx";
import { maskIban } from "../../domain/iban.ts";
import { parseInstant } from "../../domain/instant.ts";
import { usePage } from "../show-page.tsx";

interface TimeProps {
  /** Unix milliseconds. */
  readonly at: number;
  /** `relative` ("3 min ago") is for a column or a figure, the others are for facts and sentences. */
  readonly show?: "instant" | "moment" | "minute" | "day" | "relative";
}

/** The exact UTC is under it. A browser with JavaScript shows the reader's zone. */
export function Time({ at, show = "instant" }: TimeProps) {
  const iso = new Date(at).toISOString();
  const exact = `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`;
  return (
    <time datetime={iso} title={exact} data-show={show}>
      {show === "relative" ? relativeTo(usePage().now, at) : shortened(iso, show)}
    </time>
  );
}

function shortened(iso: string, show: Exclude<TimeProps["show"], "relative" | undefined>): string {
  switch (show) {
    case "instant":
      return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
    case "moment":
      return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
    case "minute":
      return `${iso.slice(11, 16)} UTC`;
    case "day":
      return iso.slice(0, 10);
  }
}

const JUST_NOW_MS = 1_000;
const MINUTE_MS = 60_000;
const LONG_AGO_MS = 30 * 86_400_000;

/** `3 min ago`, `in 3 min`, or the day of an old instant. `live.js` says the same. */
export function relativeTo(now: number, at: number): string {
  const ms = Math.abs(now - at);
  if (ms < JUST_NOW_MS) return "just now";
  if (ms >= LONG_AGO_MS) return new Date(at).toISOString().slice(0, 10);
  return at < now ? `${ageInWords(ms)} ago` : `in ${ageInWords(ms)}`;
}

/** The same of a text. A text that is no instant is shown as it is. */
export function TimeOfText({ text, show = "instant" }: { readonly text: string } & Pick<TimeProps, "show">) {
  const instant = parseInstant(text);
  return instant === null ? <bdi>{text}</bdi> : <Time at={Date.parse(instant.iso)} show={show} />;
}

/** `3 min`, of a distance in time in milliseconds: minutes from what would round to 60 s. */
export function ageInWords(ms: number): string {
  return ms >= MINUTE_MS - 500 && ms < 2 * MINUTE_MS ? inMinutes(ms) : durationInWords(ms);
}

/** `3 min`, of a duration in milliseconds. A setting of 90 s is not 2 min. */
export function durationInWords(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / 1_000)} s`;
  if (ms < 2 * 3_600_000) return inMinutes(ms);
  return ms < 2 * 86_400_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`;
}

function inMinutes(ms: number): string {
  return `${Math.round(ms / MINUTE_MS)} min`;
}

const inGroups = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** `12,345`. Never for money. */
export function count(number: number): string {
  return inGroups.format(number);
}

/** `1 event`, `2 events`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `1.1 KB`, of 1,000 bytes each. The exact number is under it. */
export function Size({ bytes }: { readonly bytes: number }) {
  return (
    <span class="nowrap" title={`${count(bytes)} bytes`}>
      {sizeInWords(bytes)}
    </span>
  );
}

function sizeInWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${count(bytes / 1_000)} KB` : `${count(bytes / 1_000_000)} MB`;
}

interface AmountProps {
  /** As the bank wrote it: a text, or a number that was parsed losslessly. */
  readonly value: unknown;
  readonly currency?: unknown;
}

export function Amount({ value, currency }: AmountProps) {
  const digits = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return (
    <span class="amount">
      <bdi>{digits}</bdi>
      {typeof currency === "string" ? (
        <>
          {" "}
          <bdi class="currency">{currency}</bdi>
        </>
      ) : null}
    </span>
  );
}

export { maskIbansIn } from "../../domain/iban.ts";

/** Masked until it is opened. */
export function Iban({ iban }: { readonly iban: string }) {
  return (
    <details class="iban">
      <summary aria-label={`${maskIban(iban)}, show the whole IBAN`}>{maskIban(iban)}</summary>
      <bdi>{iban}</bdi>
    </details>
  );
}

/** Shorter ids are shown whole. */
const LONGEST = 18;
/** The first group of a UUID. */
const FIRST = 8;

/** The beginning of an id. The whole is under it. */
export function ShortId({ id }: { readonly id: string }) {
  const characters = Array.from(id);
  return (
    <bdi class="mono nowrap" title={id}>
      {characters.length > LONGEST ? `${characters.slice(0, FIRST).join("")}…` : id}
    </bdi>
  );
}

export type Tone = "ok" | "wait" | "bad" | "idle";

const tones = {
  ok: "ok",
  healthy: "ok",
  delivered: "ok",
  settled: "ok",
  done: "ok",
  released: "ok",
  connected: "ok",
  active: "ok",
  pending: "wait",
  begun: "wait",
  waiting: "wait",
  failing: "wait",
  "circuit open": "bad",
  degraded: "bad",
  dead: "bad",
  failed: "bad",
  expired: "bad",
  revoked: "bad",
  missing: "bad",
  paused: "idle",
  unmatched: "idle",
  foreign: "idle",
} as const satisfies Readonly<Record<string, Tone>>;

export type StateName = keyof typeof tones;

/** The colour of a state, wherever it is shown. */
export function toneOf(state: StateName): Tone {
  return tones[state];
}

const signs = { ok: "●", wait: "◐", bad: "◼", idle: "○" } as const;

interface StateProps {
  readonly state: StateName;
  /** Replaces the name. */
  readonly children?: string | undefined;
}

/** A state has a sign and a word beside its colour. */
export function State({ state, children }: StateProps) {
  const tone = toneOf(state);
  return (
    <span class={`state tone-${tone}`}>
      <span aria-hidden="true">{state === "failing" ? "▲" : signs[tone]}</span> {capitalized(children ?? state)}
    </span>
  );
}

/** `Delivered`. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Names and what they are. A fact that is null is left out. */
export function Facts({ facts }: { readonly facts: Readonly<Record<string, Child>> }) {
  return (
    <dl class="facts">
      {Object.entries(facts)
        .filter(([, fact]) => fact !== null)
        .map(([name, fact]) => (
          <div>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
    </dl>
  );
}

/** The words of a summary: a side, a status, … */
export function Chips({ words }: { readonly words: readonly string[] }) {
  return (
    <>
      {words.map((word) => (
        <bdi class="chip">{word}</bdi>
      ))}
    </>
  );
}

interface NamesProps {
  readonly names: readonly string[];
  /** More than these are counted. */
  readonly most: number;
}

/** `v1/cards, v1/clients and 3 more`. */
export function Names({ names, most }: NamesProps) {
  return (
    <span title={names.length > most ? names.join(", ") : undefined}>
      {names.slice(0, most).map((name, index) => (
        <>
          {index === 0 ? null : ", "}
          <bdi class="mono">{name}</bdi>
        </>
      ))}
      {names.length > most ? ` and ${names.length - most} more` : null}
    </span>
  );
}
