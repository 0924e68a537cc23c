// The library: older rows before they are reached, new ones as they are made, the size of rows, numbers, toasts.
// Without it every link, form and box works as well.

import "./undo.js";
import { layOut } from "./justified-rows.js";
import { Picks } from "./selection.js";

const page = document.querySelector("[data-library]");
const list = page?.querySelector("[data-list]");
const slider = page?.querySelector("[data-size]");
const NEAR = "1600px";
const picks = list && document.querySelector("[data-picks]") ? new Picks(page, list, relay) : null;

function size() {
  const cookie = /(?:^|; )tile=(\d+)/.exec(document.cookie);
  return slider ? Number(slider.value) : cookie ? Math.min(360, Math.max(96, Number(cookie[1]))) : 196;
}

// The rows of these groups fit no more: something came, went, or has another size.
function relay(groups) {
  layOut(groups, size());
}

// -- Older rows --------------------------------------------------------------------------------------------------

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) htmx.trigger(entry.target, "near");
  },
  { rootMargin: `${NEAR} 0px` },
);
function watch(within) {
  for (const link of within.querySelectorAll("[data-older]")) near.observe(link);
}
if (list) {
  watch(list);
  list.setAttribute("aria-busy", "false");
  document.addEventListener("htmx:beforeRequest", (event) => event.target.closest?.(".older") && list.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterSettle", () => {
    list.setAttribute("aria-busy", "false");
    watch(list);
    picks?.refresh();
  });
  // A page that did not come may be asked for again.
  document.addEventListener("htmx:responseError", () => list.setAttribute("aria-busy", "false"));
}

// -- The size of rows ------------------------------------------------------------------------------------------------

function anchored(change) {
  // What is at the top of the window stays there.
  const cells = [...list.querySelectorAll(".cell")];
  let low = 0;
  let high = cells.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cells[middle].getBoundingClientRect().bottom > 80) high = middle;
    else low = middle + 1;
  }
  const held = cells[low];
  const before = held?.getBoundingClientRect().top ?? 0;
  change();
  if (held && scrollY > 0) scrollBy(0, held.getBoundingClientRect().top - before);
}
if (slider && list) {
  let waiting = 0;
  slider.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => anchored(() => relay(list.querySelectorAll(".rows"))));
  });
  slider.addEventListener("change", () => {
    document.cookie = `tile=${slider.value}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  });
}
if (list) {
  let width = list.clientWidth;
  let waiting = 0;
  new ResizeObserver(() => {
    if (list.clientWidth === width) return;
    width = list.clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => relay(list.querySelectorAll(".rows.laid")), 100);
  }).observe(list);
}

// -- New pictures --------------------------------------------------------------------------------------------------------

let asking = false;
let again = false;
async function newer() {
  if (!page?.dataset.newer || new URL(location.href).searchParams.has("after")) return;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const query = page.dataset.query ? `${page.dataset.query}&` : "";
    const answer = await fetch(`${page.dataset.newer}?${query}newer=${encodeURIComponent(page.dataset.newest)}`, { headers: { "HX-Request": "true" } });
    if (answer.status === 200) insert(await answer.text());
  } catch {
    // The stream says when the connection is back.
  } finally {
    asking = false;
    if (again) {
      again = false;
      newer();
    }
  }
}

function insert(html) {
  if (!list) {
    location.reload();
    return;
  }
  const came = document.createElement("template");
  came.innerHTML = html;
  const groups = [...came.content.querySelectorAll(".rows-box")];
  const newest = came.content.querySelector("[data-newest-place]")?.dataset.newestPlace;
  if (!groups.length) return;
  if (newest) page.dataset.newest = newest;
  const touched = new Set();
  const first = list.querySelector(".day");
  for (const box of groups.reverse()) {
    const day = box.dataset.of;
    const known = new Set([...list.querySelectorAll(".cell .pick input")].slice(0, 200).map((one) => one.value));
    const cells = [...box.querySelectorAll(".cell")].filter((cell) => !known.has(cell.querySelector(".pick input").value));
    if (!cells.length) continue;
    const same = list.querySelector(`.rows-box[data-of="${day}"] .rows`);
    if (same) {
      same.prepend(...cells);
      touched.add(same);
    } else {
      const heading = came.content.querySelector(`.day[data-day="${day}"]`);
      (list.querySelector(".day") ?? first)?.before(...[heading, box].filter(Boolean));
    }
  }
  relay(touched);
  picks?.refresh();
  count();
}
document.addEventListener("darkroom:items", (event) => {
  if (event.detail?.gone?.length) picks?.lose(event.detail.gone);
  newer();
});
document.addEventListener("darkroom:back", newer);

// -- Numbers beside the sections ---------------------------------------------------------------------------------------------

async function count() {
  if (!page?.dataset.counts) return;
  try {
    const answer = await fetch(page.dataset.counts, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const told = await answer.json();
    for (const place of page.querySelectorAll("[data-count]")) {
      const number = told[place.dataset.count] ?? "";
      place.textContent = number === "0" ? "" : number;
    }
    const room = page.querySelector("[data-room]");
    if (room && told.storage) {
      room.hidden = false;
      room.classList.toggle("full", told.storage.full);
      room.querySelector("[data-room-words]").textContent = told.storage.words;
      room.querySelector("[data-room-percent]").textContent = told.storage.quota ? `${told.storage.percent}%` : "";
      const bar = room.querySelector("progress");
      bar.hidden = !told.storage.quota;
      bar.value = told.storage.percent;
    }
  } catch {
    // Numbers are not what the page is for.
  }
}
count();
document.addEventListener("darkroom:counted", count);

// -- Drop-downs, search, transitions ---------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  for (const drop of document.querySelectorAll(".drop[open]")) if (!drop.contains(event.target)) drop.open = false;
});
document.addEventListener("keydown", (event) => {
  const drop = document.querySelector(".drop[open]");
  if (event.key === "Escape" && drop) {
    drop.open = false;
    drop.querySelector("summary").focus();
    event.stopImmediatePropagation();
  }
}, true);
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-search]");
  const typing = event.target.closest?.("input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]");
  if (event.key !== "/" || !search || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// The picture that is opened becomes the large one, and the way back.
const NAME = "picture";
function named(id) {
  return id ? list?.querySelector(`.cell[data-id="${CSS.escape(id)}"] .tile`) : null;
}
const idIn = (url) => /\/library\/([\w-]{22,32})\//.exec(url ?? "")?.[1];
addEventListener("pageswap", (event) => {
  const tile = event.viewTransition && named(idIn(event.activation?.entry?.url));
  if (!tile) return;
  tile.style.viewTransitionName = NAME;
  event.viewTransition.finished.finally(() => (tile.style.viewTransitionName = ""));
});
// Who comes back from a picture is where it is.
function returned() {
  const tile = named(idIn(window.navigation?.activation?.from?.url));
  if (!tile) return null;
  tile.focus({ preventScroll: true });
  const box = tile.getBoundingClientRect();
  if (box.bottom < 60 || box.top > innerHeight - 20) tile.scrollIntoView({ block: "center" });
  return tile;
}
if (document.activeElement === document.body) returned();
addEventListener("pagereveal", (event) => {
  const tile = returned();
  if (!tile || !event.viewTransition) return;
  tile.style.viewTransitionName = NAME;
  event.viewTransition.finished.finally(() => (tile.style.viewTransitionName = ""));
});
