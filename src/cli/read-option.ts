import { wrongUsage } from "./fault.ts";

/** The parts of a comma-separated option. */
export function readList(text: string, option: string): string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length === 0) throw wrongUsage(`${option} is empty.`);
  return parts;
}

export function readNumber(text: string, option: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw wrongUsage(`${option} is no number.`);
  return number;
}
