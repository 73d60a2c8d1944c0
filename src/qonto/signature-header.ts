/** Several times what eight digests take. A stranger can send a hundred kilobytes. */
export const MAX_HEADER_CHARACTERS = 4_096;

/**
 * Fields of a signature header, whose lines the runtime joins by commas: an empty line holds none, and lines that are all
 * the same are one.
 */
export function headerFields(header: string): readonly string[] {
  const fields = header
    .split(",")
    .map((field) => field.trim())
    .filter((field) => field !== "");
  const isRepetitionOf = (length: number) =>
    fields.length % length === 0 && fields.every((field, index) => field === fields[index % length]);
  const length = fields.findIndex((_, index) => isRepetitionOf(index + 1)) + 1;
  return fields.slice(0, length);
}
