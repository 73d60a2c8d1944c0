/** `contract_signed` as one reads it. Of a stage that nobody has heard of as well. */
export function stageName(stage: string): string {
  if (stage === "deleted") return "Reset";
  const words = stage.slice(0, 80).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
