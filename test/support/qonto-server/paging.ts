import { flatError } from "./errors.ts";

const LARGEST_PAGE = 100;
/** Results of one query beyond these cannot be reached. */
const MOST_RESULTS = 10_000;

/** One page of a list under its key, with `meta`; an error as Qonto answers it for a page that there cannot be. */
export function pageOf(
  items: readonly object[],
  key: string,
  query: URLSearchParams,
  mostResults = MOST_RESULTS,
): Response {
  const page = Number(query.get("page") ?? 1);
  const perPage = Number(query.get("per_page") ?? LARGEST_PAGE);
  if (!Number.isInteger(perPage) || perPage < 1 || perPage > LARGEST_PAGE) {
    return flatError(400, "invalid_parameter", "per_page must be from 1 to 100", { parameter: "per_page" });
  }
  if (!Number.isInteger(page) || page < 1) {
    return flatError(400, "invalid_parameter", "page must be at least 1", { parameter: "page" });
  }
  const totalPages = Math.max(1, Math.ceil(items.length / perPage));
  if (page > totalPages) {
    return flatError(422, "unprocessable_entity", "page is out of bounds", { parameter: "page" });
  }
  if (page * perPage > mostResults) {
    return flatError(422, "unprocessable_entity", `a query has at most ${mostResults} results`, { parameter: "page" });
  }
  const meta = {
    current_page: page,
    next_page: page < totalPages ? page + 1 : null,
    prev_page: page > 1 ? page - 1 : null,
    total_pages: totalPages,
    total_count: items.length,
    per_page: perPage,
  };
  return Response.json({ [key]: items.slice((page - 1) * perPage, page * perPage), meta });
}
