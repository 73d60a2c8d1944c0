/** A call that the operator's API did not answer with success. */
export class CallError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The operator's API over the network. */
export class RelayClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async get<Body>(path: string): Promise<Body> {
    return (await this.#call("GET", path)) as Body;
  }

  async post<Body>(path: string, body: object): Promise<Body> {
    return (await this.#call("POST", path, body)) as Body;
  }

  /** Also while it is degraded. */
  async health(): Promise<unknown> {
    return (await fetch(`${this.#url}/health`)).json();
  }

  /** Sends a request of Qonto's; answers the status and the parsed body. */
  async webhook(
    request: RequestInit,
  ): Promise<{ httpStatus: number; body: { status?: string | number; code?: string } }> {
    const response = await fetch(`${this.#url}/webhooks/qonto`, request);
    return { httpStatus: response.status, body: (await response.json()) as { status?: string } };
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      throw new CallError(response.status, `${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response.json();
  }
}

export interface EventSummary {
  readonly id: string;
  readonly state: string;
}

/** Waits until no event is pending any more, or the time is up. */
export async function untilSettled(client: RelayClient, limitMs: number): Promise<EventSummary[]> {
  const endAt = Date.now() + limitMs;
  for (;;) {
    const { data } = await client.get<{ data: EventSummary[] }>("/api/events?limit=100");
    if (Date.now() > endAt || data.every(({ state }) => state !== "pending")) return data;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
