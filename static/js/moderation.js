// The moderators' desk by keys: move, look, hide, allow, ban, select, undo. Without it every case is a link and a form.

const desk = document.querySelector("[data-desk]");
const panel = document.getElementById("panel");
const look = document.getElementById("look");
const quiet = () => localStorage.getItem("keys") === "off";
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

const all = () => [...desk.querySelectorAll(".case")];
const current = () => desk.querySelector(".case-open[aria-current]")?.closest(".case");
const picked = () => [...desk.querySelectorAll(".pick input:checked")];

function mark(tile, focus) {
  for (const link of desk.querySelectorAll(".case-open[aria-current]")) link.removeAttribute("aria-current");
  const link = tile?.querySelector(".case-open");
  if (!link) return;
  link.setAttribute("aria-current", "true");
  if (focus) link.focus({ preventScroll: true });
  tile.scrollIntoView({ block: "nearest", inline: "nearest" });
  history.replaceState(null, "", link.href);
}

// -- The case beside the grid -------------------------------------------------------------------------------------

let asked = null;
let waits = 0;

async function read(address) {
  asked?.abort();
  asked = new AbortController();
  panel.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: asked.signal });
    if (answer.redirected || !answer.ok) return location.reload();
    panel.innerHTML = await answer.text();
    panel.scrollTop = 0;
    window.htmx?.process(panel);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    return;
  }
  panel.removeAttribute("aria-busy");
}

function show(tile, { focus = true } = {}) {
  if (!tile) return;
  mark(tile, focus);
  clearTimeout(waits);
  // Until it is read no key decides: what the panel shows is the case before.
  panel.setAttribute("aria-busy", "true");
  // Who holds an arrow down passes many: only the one they stop at is read.
  waits = setTimeout(() => read(tile.querySelector(".case-open").dataset.panel), 60);
}

desk.addEventListener("click", (event) => {
  const link = event.target.closest(".case-open");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(link.closest(".case"));
});

panel.addEventListener("click", (event) => {
  const back = event.target.closest("[data-panel-back]");
  if (back) {
    event.preventDefault();
    read(back.dataset.panelBack);
    return;
  }
  const picture = event.target.closest("[data-look]");
  if (picture && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    open();
  }
});

// -- Looking ---------------------------------------------------------------------------------------------------------

function open() {
  const picture = panel.querySelector("[data-look]");
  if (!picture || look.open) return;
  const film = "film" in picture.dataset;
  const shown = document.createElement(film ? "video" : "img");
  if (film) Object.assign(shown, { controls: true, loop: true, muted: true, autoplay: true });
  else shown.alt = picture.querySelector("img")?.alt ?? "";
  shown.src = picture.href;
  look.querySelector("[data-stage]").replaceChildren(shown);
  look.showModal();
}
look.addEventListener("close", () => look.querySelector("[data-stage]").replaceChildren());
look.addEventListener("click", (event) => event.target.closest("button") || look.close());
look.addEventListener("keydown", (event) => {
  if (event.key === " ") {
    event.preventDefault();
    look.close();
  }
});

// -- Moving -----------------------------------------------------------------------------------------------------------

function beside(key) {
  const tiles = all();
  const from = current() ?? tiles[0];
  const at = tiles.indexOf(from);
  if (key === "ArrowLeft") return tiles[at - 1];
  if (key === "ArrowRight") return tiles[at + 1];
  const here = from.getBoundingClientRect();
  const down = key === "ArrowDown";
  const rows = tiles
    .map((tile) => ({ tile, box: tile.getBoundingClientRect() }))
    .filter(({ box }) => (down ? box.top > here.top + 4 : box.top < here.top - 4));
  rows.sort((one, other) => Math.abs(one.box.top - here.top) - Math.abs(other.box.top - here.top) || Math.abs(one.box.left - here.left) - Math.abs(other.box.left - here.left));
  return rows[0]?.tile;
}

function following() {
  const tiles = all();
  const at = tiles.indexOf(current());
  const chosen = new Set(picked().map((box) => box.closest(".case")));
  const open = (tile) => !tile.classList.contains("done") && !chosen.has(tile) && tile !== tiles[at];
  return tiles.slice(at + 1).find(open) ?? tiles.find(open);
}

// -- Deciding ----------------------------------------------------------------------------------------------------------

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.closest?.("[data-decide]")) {
    const next = following();
    if (next) event.detail.parameters.next = next.dataset.case;
  }
});

// A case that is still being read must not come after the answer to what was done meanwhile, and cover it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target !== panel) return;
  clearTimeout(waits);
  asked?.abort();
});

// What the answer shows beside is where the reader is now.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target !== panel) return;
  panel.removeAttribute("aria-busy");
  panel.scrollTop = 0;
  const shown = panel.querySelector("[data-case]");
  if (shown?.hasAttribute("data-asks")) panel.querySelector("[data-deed]")?.focus();
  else if (shown?.dataset.case) mark(document.getElementById(`case-${shown.dataset.case}`), true);
  count();
});

function count() {
  const said = desk.querySelector("[data-chosen]");
  if (!said) return;
  const number = picked().length;
  said.textContent = number === 0 ? "" : number === 1 ? said.dataset.one : said.dataset.many.replace("{n}", number);
}
desk.addEventListener("change", (event) => {
  if (event.target.closest(".pick")) count();
  if (event.target.matches("[data-goes]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-blur]")) {
    const on = event.target.checked;
    desk.classList.toggle("blur", on);
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `moderation-blur=${on ? "on" : "off"}; path=/; max-age=31536000; samesite=lax${secure}`;
  }
});

function clear() {
  for (const box of picked()) box.checked = false;
  count();
}
desk.querySelector("[data-clear]")?.addEventListener("click", clear);
count();

const DEEDS = { a: "allow", h: "hide", b: "ban" };

function act(key) {
  const name = DEEDS[key];
  const asks = panel.querySelector("[data-asks]");
  const many = picked().length && !asks;
  const button = many ? desk.querySelector(`[data-bulk="${name}"]`) : panel.querySelector(`[data-deed="${name}"]`);
  if (button && !button.disabled && panel.getAttribute("aria-busy") !== "true") button.click();
}

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      const back = panel.querySelector("[data-panel-back]");
      if (typing(event.target)) event.target.blur();
      else if (back) back.click();
      else clear();
      return;
    }
    if (typing(event.target)) return;
    if (event.key.startsWith("Arrow") && !event.shiftKey) {
      event.preventDefault();
      show(beside(event.key));
      return;
    }
    if (event.key === " ") {
      // On a button or a box it does what it always does.
      if (event.target.closest("button, input, summary, [role=switch]")) return;
      event.preventDefault();
      open();
      return;
    }
    if (quiet() || event.shiftKey || event.repeat) return;
    const key = event.key.toLowerCase();
    if (key in DEEDS) act(key);
    else if (key === "x") {
      const box = current()?.querySelector(".pick input");
      if (box) {
        box.checked = !box.checked;
        count();
      }
    } else if (key === "z") desk.querySelector("#mod-last button")?.click();
    else if (key === "n") panel.querySelector("[name=note]")?.focus();
    else return;
    event.preventDefault();
  },
  true,
);

// -- Fingers: the next picture is a swipe away ----------------------------------------------------------------------------

let from = null;
panel.addEventListener("touchstart", (event) => (from = event.touches.length === 1 && event.target.closest("[data-look]") ? event.touches[0] : null), { passive: true });
panel.addEventListener("touchend", (event) => {
  if (!from) return;
  const across = event.changedTouches[0].clientX - from.clientX;
  const aside = event.changedTouches[0].clientY - from.clientY;
  if (Math.abs(across) > 60 && Math.abs(across) > 2 * Math.abs(aside)) show(beside(across > 0 ? "ArrowLeft" : "ArrowRight"), { focus: false });
});
