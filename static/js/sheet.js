// The contact sheet: what one does with a frame, by mouse, finger and key; and what stands under the dock's buttons.

import { sayFailed } from "./request-errors.js";
import "./undo.js";

const batches = document.getElementById("batches");
const tools = document.getElementById("frame-tools");
const menu = document.getElementById("frame-menu");
const said = document.getElementById("said");
const form = () => document.getElementById("form");
const prompt = () => document.getElementById("prompt");
const quiet = () => localStorage.getItem("keys") === "off";
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const token = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");

// -- A frame's own buttons ------------------------------------------------------------------------------------
// They come with the first look at a frame, so that a sheet of hundreds stays light. Without scripts a frame leads to
// the page of its picture, where all of them are.

function equip(frame) {
  if (frame.querySelector(":scope > .tools")) return;
  const made = tools.content.firstElementChild.cloneNode(true);
  for (const link of made.querySelectorAll("a")) link.href = link.getAttribute("href").replace("ITEM", frame.dataset.item);
  made.querySelector('[data-deed="l"]')?.setAttribute("aria-pressed", String("liked" in frame.dataset));
  frame.append(made);
}

for (const name of ["pointerover", "focusin"]) {
  batches?.addEventListener(name, (event) => {
    const frame = event.target.closest?.(".frame[data-item]");
    if (frame) equip(frame);
  });
}

// A finger does not hover: there each picture has one small button, and its menu holds everything.
const touch = matchMedia("(hover: none)");
const more = document.getElementById("frame-more");
function offer() {
  if (!touch.matches) return;
  for (const frame of batches.querySelectorAll(".frame[data-item]:not(:has(> .more-touch))")) frame.append(more.content.cloneNode(true));
}
if (batches && more) {
  offer();
  new MutationObserver(offer).observe(batches, { childList: true, subtree: true });
  touch.addEventListener("change", offer);
}

async function send(url, body = {}) {
  const headers = { ...token(), "HX-Request": "true", Accept: "application/json" };
  try {
    const answer = await fetch(url, { method: "POST", headers, body: new URLSearchParams(body) });
    return answer.ok && !answer.redirected ? answer : null;
  } catch {
    return null;
  }
}

async function like(frame) {
  const button = frame.querySelector('[data-deed="l"]');
  const now = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(now));
  const answer = await send(tools.dataset.like.replace("ITEM", frame.dataset.item));
  if (!answer) {
    button.setAttribute("aria-pressed", String(!now));
    sayFailed();
  } else frame.toggleAttribute("data-liked", now);
}

// Into the trash: the place stays, so that nothing jumps, and the focus goes on to the next picture.
async function discard(frame) {
  const { item } = frame.dataset;
  const answer = await send(tools.dataset.bulk, { deed: "trash", id: item });
  if (!answer) return sayFailed();
  const { words, undo } = await answer.json();
  step(frame, 1) || step(frame, -1);
  frame.classList.add("gone");
  for (const own of frame.querySelectorAll(":scope > :is(.tools, .more-touch)")) own.remove();
  delete frame.dataset.item;
  const back = async () => {
    if (!(await send(tools.dataset.restore, { at: undo }))) return sayFailed();
    frame.classList.remove("gone");
    frame.dataset.item = item;
    offer();
    focusOn(item);
  };
  tell(words, back);
}

// The server may have drawn the trash in its place meanwhile, and the picture comes back with its next word: until the
// reader does something else, the focus goes there.
const WAIT_MS = 10_000;
function focusOn(item) {
  const at = document.activeElement;
  const seek = () => {
    const print = frameOf(item)?.querySelector("a.print");
    if (print && [at, document.body].includes(document.activeElement)) focus(print);
  };
  const watcher = new MutationObserver(seek);
  const stop = () => watcher.disconnect();
  watcher.observe(batches, { childList: true, subtree: true });
  for (const name of ["keydown", "pointerdown"]) document.addEventListener(name, stop, { once: true, capture: true });
  setTimeout(stop, WAIT_MS);
  seek();
}

function deed(frame, name) {
  equip(frame);
  if (name === "l") like(frame);
  else if (name === "Delete") discard(frame);
  else frame.querySelector(`[data-deed="${name}"]`)?.click();
}

function openMenu(frame, button) {
  menu.dataset.item = frame.dataset.item;
  for (const link of menu.querySelectorAll("a")) {
    link.dataset.pattern ??= link.getAttribute("href");
    link.href = link.dataset.pattern.replace("ITEM", frame.dataset.item);
  }
  menu.querySelector('[data-deed="l"]').setAttribute("aria-pressed", String("liked" in frame.dataset));
  quote(frame.dataset.item);
  menu.showPopover();
  if (innerWidth >= 640) stand(button);
  menu.querySelector(touch.matches ? "button, a" : "button:not(.touch), a:not(.touch)").focus();
}

// Above its button, or under it where there is no room.
function stand(button) {
  const at = button.getBoundingClientRect();
  const own = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(at.right - own.width, innerWidth - own.width - 8))}px`;
  menu.style.top = `${at.top - own.height - 6 > 8 ? at.top - own.height - 6 : at.bottom + 6}px`;
}

// What it costs is said before it is pressed.
async function quote(item) {
  const shown = menu.querySelector("[data-price]");
  shown.textContent = "";
  try {
    const answer = await fetch(shown.dataset.price.replace("ITEM", item));
    if (answer.ok && !answer.redirected && menu.dataset.item === item) shown.textContent = await answer.text();
  } catch {
    // Without a price the menu still says what it does.
  }
}

const frameOf = (item) => batches.querySelector(`.frame[data-item="${CSS.escape(item ?? "")}"]`);

batches?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const frame = button?.closest(".frame");
  if (!frame) return;
  if ("unveil" in button.dataset) {
    frame.querySelector(".veiled").classList.remove("veiled");
    button.closest(".veil").remove();
    frame.querySelector(".print").focus();
  } else if ("more" in button.dataset) openMenu(frame, button);
  else if (button.dataset.deed) deed(frame, button.dataset.deed);
});
menu?.addEventListener("click", (event) => {
  if (event.target.closest("a")) menu.hidePopover();
  const button = event.target.closest("button");
  const frame = frameOf(menu.dataset.item);
  if (!button || !frame) return;
  menu.hidePopover();
  if (button.dataset.vary) {
    const url = button.dataset.vary.replace("ITEM", frame.dataset.item);
    htmx.ajax("POST", url, { source: batches, target: "#batches", swap: "afterbegin" }).then(down);
  } else deed(frame, button.dataset.deed);
});

// A picture whose file is gone says so instead of showing a torn page.
document.addEventListener("error", (event) => {
  const image = event.target;
  if (image instanceof HTMLImageElement && image.matches(".frame.done .print > img")) image.closest(".frame").classList.add("no-file");
}, true);

// -- Keys -----------------------------------------------------------------------------------------------------

// Prints as they stand on the page: time runs downward, newest last.
function prints() {
  const strips = [...batches.querySelectorAll(":scope > .batch")].reverse();
  return strips.flatMap((strip) => [...strip.querySelectorAll(".frame:not(.gone) > a.print")]);
}

function focus(print) {
  if (!print) return false;
  print.focus({ preventScroll: true });
  print.scrollIntoView({ block: "nearest" });
  return true;
}

function step(frame, by) {
  const all = prints();
  return focus(all[all.indexOf(frame.querySelector("a.print")) + by]);
}

// Up and down: the nearest middle among the prints that begin beyond this one's row.
function rise(frame, by) {
  const from = frame.querySelector("a.print").getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let best = null;
  let least = Infinity;
  for (const print of prints()) {
    const at = print.getBoundingClientRect();
    const away = by < 0 ? from.top - at.bottom : at.top - from.bottom;
    if (away < -4) continue;
    const cost = away * 2 + Math.abs(at.left + at.width / 2 - middle);
    if (cost < least) [best, least] = [print, cost];
  }
  return focus(best);
}

const MOVES = { ArrowLeft: [step, -1], ArrowRight: [step, 1], ArrowUp: [rise, -1], ArrowDown: [rise, 1] };
document.addEventListener("keydown", (event) => {
  const frame = event.target.closest?.("#batches .frame[data-item]");
  if (!frame || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const move = MOVES[event.key];
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (move) {
    if (move[0](frame, move[1])) event.preventDefault();
  } else if (!quiet() && ["l", "r", "u", "d", "Delete"].includes(key)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    deed(frame, key);
  }
}, true);

// -- What is said to those who do not see the sheet -----------------------------------------------------------

const EVERY_MS = 10_000;
let next = 0;
let waiting = 0;
function count(words) {
  clearTimeout(waiting);
  const wait = Math.max(0, next - performance.now());
  waiting = setTimeout(() => {
    next = performance.now() + EVERY_MS;
    said.textContent = words;
  }, wait);
}
if (batches && said) {
  new MutationObserver((records) => {
    const head = records.map(({ target }) => target).findLast((one) => one.matches?.(".group-head"));
    if (head) count(head.dataset.said);
  }).observe(batches, { subtree: true, attributeFilter: ["data-said"] });
}

function tell(words, back) {
  const toast = document.getElementById("trash-toast").content.firstElementChild.cloneNode(true);
  toast.querySelector("span").textContent = words;
  toast.querySelector("[data-undo]").addEventListener("click", () => {
    toast.remove();
    back();
  });
  document.getElementById("toasts")?.append(toast);
  const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 1000) : toast.remove());
  setTimeout(leave, 6000);
}

// -- The dock's popovers: presets, series, prompts ------------------------------------------------------------

const changed = () => form()?.dispatchEvent(new Event("change", { bubbles: true }));
const down = () => {
  document.getElementById("first")?.remove();
  document.getElementById("sheet").scrollTop = 0;
};

// Toasts stand above the dock, which grows with what is written.
const dockSize = new ResizeObserver(([{ target }]) => {
  const rise = Math.max(0, innerHeight - target.getBoundingClientRect().top);
  document.documentElement.style.setProperty("--dock", `${Math.round(rise)}px`);
});
const watchDock = () => {
  dockSize.disconnect();
  const dock = document.querySelector(".studio .dock");
  if (dock) dockSize.observe(dock);
};
watchDock();
document.addEventListener("htmx:afterSettle", (event) => event.target.id === "form" && watchDock());

// They stand on the dock, wherever its upper edge is.
for (const pop of document.querySelectorAll(".dock-pop")) {
  pop.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    const dock = document.querySelector(".dock").getBoundingClientRect();
    const opener = document.querySelector(`.dock [popovertarget="${pop.id}"]`).getBoundingClientRect();
    pop.style.setProperty("--above", `${Math.max(8, innerHeight - dock.top + 8)}px`);
    pop.style.setProperty("--from", `${Math.max(8, opener.left - 8)}px`);
  });
  pop.addEventListener("toggle", (event) => {
    if (event.newState === "open" && matchMedia("(pointer: fine)").matches) pop.querySelector("input, a")?.focus();
  });
}

const lines = () => (prompt()?.value ?? "").split("\n").filter((line) => line.trim()).length;
function showSeries() {
  const list = document.querySelector('[name="each_line"]')?.checked;
  const seeds = Number(document.querySelector('[name="seed_count"]')?.value) || 1;
  const shown = document.querySelector("[data-series]");
  const parts = [list ? Math.max(1, lines()) : 0, seeds > 1 ? seeds : 0].filter(Boolean);
  if (shown) shown.textContent = parts.join(" × ");
}
let pause = 0;
document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches('[name="each_line"], [name="seed_count"]')) {
    showSeries();
    changed();
  } else if (field === prompt()) {
    if (field.value === "") document.getElementById("origin")?.remove();
    if (!document.querySelector('[name="each_line"]')?.checked) return;
    showSeries();
    clearTimeout(pause);
    pause = setTimeout(changed, 400);
  }
});
document.getElementById("extras")?.addEventListener("click", () => document.getElementById("extras").hidePopover());
document.addEventListener("htmx:load", showSeries);
showSeries();

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if ("forgetOrigin" in link.dataset) {
    event.preventDefault();
    link.closest(".origin").remove();
    prompt()?.focus();
  } else if (link.dataset.fill !== undefined && prompt() && document.getElementById("prompts")?.contains(link)) {
    event.preventDefault();
    prompt().value = link.dataset.fill;
    document.getElementById("prompts").hidePopover();
    prompt().focus();
    prompt().dispatchEvent(new Event("input", { bubbles: true }));
    changed();
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig?.path.includes("/presets/") && event.detail.target.id === "form") document.getElementById("presets")?.hidePopover();
});
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "preset-name" || event.key !== "Enter") return;
  event.preventDefault();
  document.querySelector("[data-keep]").click();
});
