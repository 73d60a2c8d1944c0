import { z } from "zod";

/** Ends a command with what it prints. */
export class CommandFailed extends Error {
  /** Lines under the message. */
  readonly notes: readonly string[];

  constructor(message: string, notes: readonly string[] = []) {
    super(message);
    this.notes = notes;
  }
}

/** A call that was refused, or answered with what is no answer. */
export class ApiError extends CommandFailed {
  readonly status: number;
  readonly code: number | undefined;

  constructor(message: string, notes: readonly string[], status: number, code?: number) {
    super(message, notes);
    this.status = status;
    this.code = code;
  }
}

const pageInfo = z.object({ page: z.number(), per_page: z.number(), total_count: z.number() });
const answer = z.object({
  success: z.boolean(),
  result: z.any(),
  result_info: z.any().optional(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })),
});

interface Asked {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly form?: FormData;
}

/** Calls of Cloudflare's API as wrangler makes them. */
export class Api {
  readonly #fetch: typeof fetch;
  readonly #url: string;
  readonly #token: string | null;
  readonly #ending: AbortSignal;

  constructor(doing: typeof fetch, options: { url: string; token: string | null; ending: AbortSignal }) {
    this.#fetch = doing;
    this.#url = options.url;
    this.#token = options.token;
    this.#ending = options.ending;
  }

  async result(path: string, asked: Asked = {}): Promise<any> {
    return (await this.#ask(path, asked)).result;
  }

  /** All pages of a list. */
  async list(path: string, query: Readonly<Record<string, string>> = {}): Promise<any[]> {
    const items: any[] = [];
    for (let page = 1; ; page += 1) {
      const { result, result_info } = await this.#ask(path, { query: { ...query, page: String(page) } });
      items.push(...result);
      const { data } = pageInfo.safeParse(result_info);
      if (data === undefined || data.page * data.per_page >= data.total_count) return items;
    }
  }

  /** Three times, for wrangler does so with some calls; it waits a second or two in between. */
  async retried(path: string, asked: Asked = {}, attempts = 3): Promise<any> {
    try {
      return await this.result(path, asked);
    } catch (error) {
      const isPassing =
        error instanceof ApiError ? error.status >= 500 || error.status === 429 : error instanceof TypeError;
      if (!isPassing || attempts === 1) throw error;
      return this.retried(path, asked, attempts - 1);
    }
  }

  async #ask(path: string, { method = "GET", query = {}, json, form }: Asked) {
    const search = new URLSearchParams(query).toString();
    const body = form ?? (json === undefined ? undefined : JSON.stringify(json));
    const response = await this.#fetch(`${this.#url}${path}${search === "" ? "" : `?${search}`}`, {
      method,
      signal: this.#ending,
      headers: {
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(json === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const { status, statusText } = response;
    const text = await response.text();
    const read = answer.safeParse(tryParse(text));
    if (!read.success) {
      throw new ApiError(
        "Received a malformed response from the API",
        [text, `${method} ${path} -> ${status} ${statusText}`],
        status,
      );
    }
    if (read.data.success) return read.data;
    const { errors } = read.data;
    const notes = errors.map(({ code, message }) => `${message} [code: ${code}]`);
    throw new ApiError(`A request to the Cloudflare API (${path}) failed.`, notes, status, errors[0]?.code);
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
