// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/**
 * What the pages do beyond what they say: times in the reader's zone, texts to copy, and regions that are kept up to date.
 * Everything else works without.
 */

const two = (/** @type {number} */ number) => String(number).padStart(2, "0");

/** Shows times in the reader's own zone; the exact UTC stays under them. */
function localize(/** @type {ParentNode} */ root) {
  for (const element of root.querySelectorAll("time[data-show]")) {
    const at = new Date(element.getAttribute("datetime") ?? "");
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    const shown = { instant: `${day} ${minute}:${two(at.getSeconds())}`, moment: `${day} ${minute}`, minute, day };
    element.textContent =
      Object.entries(shown).find(([name]) => name === element.getAttribute("data-show"))?.[1] ?? day;
  }
  for (const element of root.querySelectorAll("[data-zone]")) {
    element.textContent = `your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  }
}

/** A button that copies the text of the element that it names. It is hidden from who has no script. */
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

/** A button that has the region that it names stand still. It is hidden from who has no script. */
function offerPauses() {
  for (const button of document.querySelectorAll("button[data-pause]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => {
      const region = document.getElementById(button.getAttribute("data-pause") ?? "");
      const isPaused = region?.toggleAttribute("data-paused") ?? false;
      button.textContent = isPaused ? "Resume" : "Pause";
      if (region !== null && !isPaused) void refresh(region).catch(() => undefined);
    });
  }
}

/** What the region did not have before stands out for a moment. */
function markNew(/** @type {Element} */ region, /** @type {Element} */ fresh) {
  const known = new Set(Array.from(region.querySelectorAll("[data-key]"), (one) => one.getAttribute("data-key")));
  for (const one of fresh.querySelectorAll("[data-key]")) {
    if (!known.has(one.getAttribute("data-key"))) one.closest("tr")?.classList.add("is-new");
  }
}

/** Whether the reader is busy in it, or wants it to stand still. */
function isHeld(/** @type {Element} */ region) {
  return region.hasAttribute("data-paused") || region.contains(document.activeElement);
}

/** Asks for the page again and puts the region's new content in its place, unless that is held. */
async function refresh(/** @type {Element} */ region) {
  if (document.hidden || isHeld(region)) return;
  // To the login, which may be that of Cloudflare Access, on another host.
  const response = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
  if (response.type === "opaqueredirect") location.reload();
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(region.id);
  if (fresh === null || isHeld(region)) return;
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

for (const region of document.querySelectorAll("[data-live]")) {
  const everySeconds = Number(region.getAttribute("data-live"));
  // The network being away for a moment is no event: the next one comes.
  setInterval(() => void refresh(region).catch(() => undefined), everySeconds * 1000);
}
