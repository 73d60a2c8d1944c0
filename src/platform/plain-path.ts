/** A path without slashes that say nothing: doubled ones are one, and one at its end is none. */
export function plainPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/").replace(/(.)\/$/, "$1");
}
