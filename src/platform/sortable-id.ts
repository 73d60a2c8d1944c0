import type { World } from "./world.ts";

const TIME_DIGITS = 12;

/** An id that sorts by the time of its creation. */
export function makeSortableId(prefix: string, { now, randomBytes }: Pick<World, "now" | "randomBytes">): string {
  return `${firstIdAt(prefix, now())}${randomBytes(8).toHex()}`;
}

/** Sorts before all ids made from then on, and after earlier ones. */
export function firstIdAt(prefix: string, at: number): string {
  return `${prefix}_${at.toString(16).padStart(TIME_DIGITS, "0")}`;
}

export function timeOfId(id: string): number {
  const start = id.indexOf("_") + 1;
  return Number.parseInt(id.slice(start, start + TIME_DIGITS), 16);
}
