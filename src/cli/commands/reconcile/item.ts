import { z } from "zod";
import { rulesOf } from "../../../qonto/catalogue.ts";
import { readId } from "../../../qonto/envelope.ts";
import { Fault } from "../../fault.ts";

/** A thing as Qonto's API shows it; its numbers stand for what was written. */
export const item = z.record(z.string(), z.unknown());

export type Item = z.output<typeof item>;

/** The id that the relay keeps it under. */
export function idOf(type: string, shown: Item): string {
  const found = readId(shown[rulesOf(type).resourceId ?? "id"] ?? shown["id"]);
  if (found === null) throw new Fault(`Qonto's answer is not as documented: it lists ${type} without an id.`);
  return found;
}
