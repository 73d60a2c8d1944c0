import { fileURLToPath } from "node:url";
import { bundleWorker } from "../../src/local/local-worker.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const bundles = new Map<string, Promise<string>>();

/** Each Worker is bundled once, however often it is served. */
export function bundle(entry: string): Promise<string> {
  const made = bundles.get(entry) ?? bundleWorker(entry);
  bundles.set(entry, made);
  return made;
}
