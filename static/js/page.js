// Small behaviour of every page: dialogs, copying, keys, toasts, theme and time zone. Every page works without it.

import "./request-errors.js";

const root = document.documentElement;
const quiet = () => localStorage.getItem("keys") === "off";

function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

// The server renders days and times in the reader's zone; it learns of it here.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && /^[\w+\-/]{1,64}$/.test(zone) && !document.cookie.includes(`timezone=${zone}`)) remember("timezone", zone);

const forms = {
  date: { dateStyle: "medium" },
  datetime: { dateStyle: "medium", timeStyle: "short" },
};
function localTimes(within) {
  for (const time of within.querySelectorAll("time[data-local]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) {
      time.textContent = new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, forms[time.dataset.local] ?? forms.datetime).format(moment);
    }
  }
}
localTimes(document);

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const text = source?.value ?? source?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http has no clipboard: a selection and the old command do the same.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    area.style.position = "fixed";
    (button.closest("dialog") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const label = button.querySelector("span");
  const said = button.dataset.done;
  button.classList.add("copied");
  if (label && said) {
    button.dataset.was ??= label.textContent;
    label.textContent = said;
  }
  setTimeout(() => {
    button.classList.remove("copied");
    if (label && button.dataset.was) label.textContent = button.dataset.was;
  }, 2000);
}

function close(toast) {
  toast.classList.add("leaving");
  setTimeout(() => toast.remove(), 160);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, a");
  if (!button) return;
  if (button.dataset.opens) {
    button.closest("[popover]")?.hidePopover();
    document.getElementById(button.dataset.opens)?.showModal();
  } else if (button.dataset.closes) {
    const target = button.closest(button.dataset.closes);
    if (target instanceof HTMLDialogElement) target.close();
    else if (target) close(target);
  } else if (button.dataset.copy) {
    copy(button);
  }
});
// A click beside a dialog closes it.
document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement && event.target.matches(".box")) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// The theme changes at once; the server is told by the cookie that its own form would set.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const chosen = event.submitter?.value;
  if (!form.matches(".theme-switch") || !chosen) return;
  event.preventDefault();
  root.dataset.theme = chosen;
  remember("theme", chosen);
});

for (const toast of document.querySelectorAll(".toast:not(.error)")) {
  const wait = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? wait() : close(toast)), 6000);
  wait();
}

// A dialog whose form came back with a fault stands open in the page: make it a dialog again. And #share opens one.
for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.removeAttribute("open");
  dialog.showModal();
}
const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (named instanceof HTMLDialogElement && !named.open) named.showModal();

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

function step(name) {
  const link = document.querySelector(`a.step[rel="${name}"]`);
  if (link) location.assign(link.href);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (document.querySelector("[data-item]")) {
    if (event.key === "ArrowLeft") return step("prev");
    if (event.key === "ArrowRight") return step("next");
  }
  if (event.key === "?") return document.getElementById("keys")?.showModal();
  if (quiet()) return;
  const deed = document.querySelector(`[data-key="${CSS.escape(event.key.length === 1 ? event.key.toLowerCase() : event.key)}"]`);
  if (deed) {
    event.preventDefault();
    deed.click();
  }
});

const switchKeys = document.getElementById("keys-on");
if (switchKeys) {
  switchKeys.checked = !quiet();
  switchKeys.addEventListener("change", () => localStorage.setItem("keys", switchKeys.checked ? "on" : "off"));
}

// In a row of sections that runs out of a narrow window the present one is in sight.
const section = document.querySelector(".side [aria-current]");
if (section && section.parentElement.scrollWidth > section.parentElement.clientWidth) {
  section.parentElement.scrollLeft = section.offsetLeft - section.parentElement.offsetLeft - 16;
}

// The bell counts again when the page comes back to the front, or was away from what happens.
const bell = document.querySelector(".bell[data-count]");
async function countNotices() {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch(bell.dataset.count, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return;
  const { unread } = await answer.json();
  const count = bell.querySelector(".count");
  count.hidden = !unread;
  count.firstElementChild.textContent = unread > 99 ? "99+" : unread;
}
if (bell) {
  document.addEventListener("visibilitychange", countNotices);
  document.addEventListener("darkroom:back", countNotices);
}

// Swiping a picture goes to its neighbours.
const stage = document.querySelector("[data-item] .print");
let from = null;
stage?.addEventListener("touchstart", (event) => (from = event.touches.length === 1 ? event.touches[0] : null), { passive: true });
stage?.addEventListener("touchend", (event) => {
  if (!from) return;
  const far = event.changedTouches[0].clientX - from.clientX;
  const aside = event.changedTouches[0].clientY - from.clientY;
  if (Math.abs(far) > 60 && Math.abs(far) > 2 * Math.abs(aside)) step(far > 0 ? "prev" : "next");
});

// A film plays by itself, without sound, for those who like things to move; it has its controls for everybody.
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
  for (const film of document.querySelectorAll("video[data-film]")) film.play().catch(() => {});
}

document.addEventListener("htmx:afterSettle", (event) => localTimes(event.target));
