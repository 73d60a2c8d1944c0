/** A path without doubled slashes and without one at its end. */
export function plainPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/").replace(/(.)\/$/, "$1");
}
