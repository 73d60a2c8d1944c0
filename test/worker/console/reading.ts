import type { Visitor } from "./visitor.ts";

/** A page without its tags, so that a sentence can be found in it. */
export async function read(visitor: Visitor, path: string): Promise<string> {
  return withoutTags(await (await visitor.get(path)).text());
}

export function withoutTags(html: string): string {
  return html
    .replaceAll(/<datalist.*?<\/datalist>/gs, "")
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ([.,:;])/g, "$1");
}
