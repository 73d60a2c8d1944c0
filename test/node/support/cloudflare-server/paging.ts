import { success } from "./answers.ts";

export interface Paging {
  /** Of this list, unless the request says otherwise. */
  readonly perPage: number;
  /** The most that one page holds, whatever the request says. */
  readonly atMost: number;
}

/** One page of a list, with what the list has in all. */
export function page(items: readonly unknown[], url: string, { perPage, atMost }: Paging): Response {
  const query = new URL(url).searchParams;
  const number = (name: string, otherwise: number) =>
    Math.max(1, Math.trunc(Number(query.get(name) ?? otherwise)) || 1);
  const [page, per_page] = [number("page", 1), Math.min(number("per_page", perPage), atMost)];
  const result = items.slice((page - 1) * per_page, page * per_page);
  const total_pages = Math.ceil(items.length / per_page);
  return success(result, {
    result_info: { page, per_page, count: result.length, total_count: items.length, total_pages },
  });
}
