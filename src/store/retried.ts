/** Errors after which D1 asks to be called again; every write of the relay is idempotent. Its overload errors are not among them. */
const passing = ["Network connection lost", "storage caused object to be reset", "reset because its code was updated"];

const WAITS_MS = [20, 100];

/** Runs a D1 call again after a passing error. D1 retries reads by itself, writes never. */
export async function retried<Value>(call: () => Promise<Value>): Promise<Value> {
  for (const waitMs of WAITS_MS) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  return call();
}

function isPassing(error: unknown): boolean {
  return error instanceof Error && passing.some((text) => error.message.includes(text));
}
