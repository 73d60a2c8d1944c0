import type { Visitor } from "./visitor.ts";

/** A page without its tags, so that a sentence can be found in it. */
export async function readPage(visitor: Visitor, path: string): Promise<string> {
  return textOf(await visitor.get(path));
}

export async function textOf(response: Response): Promise<string> {
  const html = await response.text();
  return html
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ([.,:;])/g, "$1");
}
