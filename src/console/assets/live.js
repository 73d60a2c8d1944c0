// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/**
 * Times in the reader's zone, texts to copy, and regions that are kept up to date. Everything else works without
 * JavaScript.
 */

const two = (/** @type {number} */ number) => String(number).padStart(2, "0");

/** How far the browser's clock is behind the relay's. */
const behindMs = Number(document.documentElement.dataset["now"]) - Date.now();

function localize(/** @type {ParentNode} */ root) {
  showTimes(root.querySelectorAll("time[data-show]"));
  for (const element of root.querySelectorAll("[data-zone]")) {
    element.textContent = `your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  }
}

/** Shows times in the reader's zone. The exact UTC stays under them. */
function showTimes(/** @type {Iterable<Element>} */ times) {
  for (const element of times) {
    const at = new Date(element.getAttribute("datetime") ?? "");
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    const instant = `${day} ${minute}:${two(at.getSeconds())}`;
    const shown = { instant, moment: `${day} ${minute}`, minute, day, relative: relative(at.getTime(), day) };
    const text = Object.entries(shown).find(([name]) => name === element.getAttribute("data-show"))?.[1] ?? day;
    // Writing ends a selection.
    if (element.textContent !== text) element.textContent = text;
  }
}

/** As `Time` on the server has it. */
function relative(/** @type {number} */ at, /** @type {string} */ day) {
  const age = Date.now() + behindMs - at;
  const ms = Math.abs(age);
  if (ms < 1_000) return "just now";
  if (ms >= 30 * 86_400_000) return day;
  const [size, unit] =
    ms < 59_500
      ? [1_000, "s"]
      : ms < 7_200_000
        ? [60_000, "min"]
        : ms < 172_800_000
          ? [3_600_000, "h"]
          : [86_400_000, "days"];
  const duration = `${Math.round(ms / size)} ${unit}`;
  return age > 0 ? `${duration} ago` : `in ${duration}`;
}

/** A button copies the text of the element that it names. Without JavaScript it is hidden. */
function offerCopies(/** @type {ParentNode} */ root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => void copy(button));
  }
}

async function copy(/** @type {Element} */ button) {
  const text = document.getElementById(button.getAttribute("data-copy") ?? "")?.textContent ?? "";
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
}

/** A button pauses the region that it names. Without JavaScript it is hidden. */
function offerPauses() {
  for (const button of document.querySelectorAll("button[data-pause]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => {
      const region = document.getElementById(button.getAttribute("data-pause") ?? "");
      const isOn = region?.toggleAttribute("data-paused") ?? false;
      button.textContent = isOn ? "Resume" : "Pause";
      if (region !== null && !isOn) void refresh(region).catch(() => undefined);
    });
  }
}

/** New rows stand out for a moment. */
function markNew(/** @type {Element} */ region, /** @type {Element} */ fresh) {
  const known = new Set(Array.from(region.querySelectorAll("[data-key]"), (one) => one.getAttribute("data-key")));
  for (const one of fresh.querySelectorAll("[data-key]")) {
    if (!known.has(one.getAttribute("data-key"))) one.closest("tr")?.classList.add("is-new");
  }
}

/** Whether the reader has paused the region or is busy in it. */
function isPaused(/** @type {Element} */ region) {
  return region.hasAttribute("data-paused") || region.contains(document.activeElement);
}

/** Fetches the page again and replaces the region's content. */
async function refresh(/** @type {Element} */ region) {
  if (document.hidden || isPaused(region)) return;
  // A redirect leads to the login, perhaps that of Cloudflare Access on another host.
  const response = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
  if (response.type === "opaqueredirect") location.reload();
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(region.id);
  if (fresh === null || isPaused(region)) return;
  for (const details of region.querySelectorAll("details[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (same instanceof HTMLDetailsElement) same.open = /** @type {HTMLDetailsElement} */ (details).open;
  }
  localize(fresh);
  offerCopies(fresh);
  markNew(region, fresh);
  region.replaceChildren(...fresh.childNodes);
}

// On a phone the navigation is wider than the screen.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
localize(document);
offerCopies(document);
offerPauses();
// Relative times grow old on a page that stays open.
setInterval(() => showTimes(document.querySelectorAll('time[data-show="relative"]')), 15_000);

for (const region of document.querySelectorAll("[data-live]")) {
  const everySeconds = Number(region.getAttribute("data-live"));
  // A failed fetch is no problem: the next one follows.
  setInterval(() => void refresh(region).catch(() => undefined), everySeconds * 1000);
}
