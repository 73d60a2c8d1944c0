import type { Page } from "playwright-core";

/** So old is what a test has on a page of a list to itself. */
export const TEN_DAYS_MS = 10 * 24 * 3_600 * 1_000;

/** The query of the page of a list that begins with what is older. */
export function olderThan(at: number): string {
  return `cursor=${Buffer.from(JSON.stringify({ receivedAt: at, id: "" })).toString("base64url")}`;
}

/** What a page says has become of what was pressed. */
export function noticeOf(page: Page): Promise<string> {
  return page.locator(".notice").innerText();
}
