/** Promises that were not kept. */
export const broken: string[] = [];

/** Says whether a promise is kept. */
export function check(promise: string, isKept: boolean): void {
  console.log(`  ${isKept ? "✓" : "✗"} ${promise}`);
  if (!isKept) broken.push(promise);
}
