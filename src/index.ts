import { createRelay } from "./relay.ts";

export default createRelay({
  now: Date.now,
  random: Math.random,
  fetch: (url, init) => fetch(url, init),
});
