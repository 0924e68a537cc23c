// The sheet while pictures are made: what changed is patched in, looks follow each other without a gap, the finished
// picture takes their place, and what was begun elsewhere appears on top. It asks when the stream says so, never by itself.

import { adopt, adopted, disown, patch } from "./dom-patch.js";
import { insertQuietly } from "./scroll-anchor.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const FADE_MS = 200;
const PAUSE_MS = 300;
const ARRIVALS_MS = 1000;
const SOON_MS = 100;
const MOST = 100;
const MOST_AGAIN = 24;
const batches = document.getElementById("batches");
// By frame: the last look that is decoded, or the first of all, kept while the page replaces what is around it.
const shown = new Map();

// -- Looks ----------------------------------------------------------------------------------------------------

function develop(print) {
  const key = print.dataset.frame;
  const next = [...print.querySelectorAll(":scope > .look")].at(-1);
  const before = shown.get(key);
  if (still.matches) {
    for (const look of print.querySelectorAll(":scope > .look")) look.remove();
    return;
  }
  if (before && next !== before) {
    // It lies below the next one until that has faded in, however often the page is brought up to date meanwhile.
    disown(before);
    if (before.parentNode !== print) next ? next.before(before) : print.prepend(before);
  }
  if (!next || next === before || next.dataset.decoding) return;
  if (before) {
    next.classList.add("coming");
    before.after(next);
  } else {
    shown.set(key, next);
  }
  next.dataset.decoding = "1";
  next.decode().then(() => {
    if (!before || !next.isConnected) return;
    shown.set(key, next);
    next.classList.remove("coming");
    Promise.allSettled(next.getAnimations().map((fade) => fade.finished)).then(() => before.remove());
  }, () => {
    next.remove();
    if (shown.get(key) === next) shown.delete(key);
  });
}

function fix(print) {
  const look = shown.get(print.dataset.frame);
  shown.delete(print.dataset.frame);
  const picture = print.querySelector("img");
  if (!look || !picture || still.matches) return;
  const cover = document.createElement("span");
  const light = document.createElement("span");
  cover.className = "fixing";
  light.className = "light";
  cover.ariaHidden = "true";
  look.classList.remove("coming");
  cover.append(look, light);
  print.classList.add("covered");
  print.append(cover);
  const lift = () => {
    cover.classList.add("gone");
    setTimeout(() => cover.remove(), FADE_MS);
  };
  picture.decode().then(lift, lift);
}

function look(node) {
  for (const print of node.querySelectorAll(".print[data-frame]")) {
    if (print.classList.contains("tray")) develop(print);
    else if (shown.has(print.dataset.frame)) fix(print);
  }
  // What ended without a picture shows no look any more.
  for (const key of [...shown.keys()]) if (!batches.querySelector(`[data-frame="${CSS.escape(key)}"]`)) shown.delete(key);
}

// -- Bringing the sheet up to date ----------------------------------------------------------------------------

// A fresh strip, or a part of one, in the place of what the page has of it.
function bring(live, fresh) {
  patch(live, fresh);
  look(live);
  window.htmx?.process(live);
}

function take(strip) {
  // It may have come twice: as the answer to who asked for it, and as news.
  for (const other of batches.querySelectorAll(`[id="${CSS.escape(strip.id)}"]`)) if (other !== strip) other.remove();
  adopt(strip);
  look(strip);
}

if (batches) {
  for (const one of batches.children) take(one);
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const fresh = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : fragment;
    if (!batches.contains(target) || fresh?.id !== target.id) return;
    event.detail.shouldSwap = false;
    bring(target, fresh);
  });
  // What a form of the page put in: told before anything is painted.
  new MutationObserver((records) => {
    for (const record of records) {
      for (const node of record.addedNodes) if (node.nodeType === Node.ELEMENT_NODE && !adopted(node)) take(node);
    }
  }).observe(batches, { childList: true });

  const has = (id) => id && batches.querySelector(`[id$="-${CSS.escape(id)}"], [data-ids~="${CSS.escape(id)}"]`);
  const refresh = paced(PAUSE_MS, () => {
    const live = document.getElementById("live");
    if (live) window.htmx?.trigger(live, "develop");
  });
  // Asked before each request, also of one that waited for another: that one's answer may have ended all that is known.
  document.addEventListener("htmx:confirm", (event) => {
    if (event.detail.elt.id === "live" && !batches.querySelector(".known")) event.preventDefault();
  });
  const unknown = new Set();
  const arrive = paced(ARRIVALS_MS, () => {
    // Meanwhile the answer to this page's own form may have brought them.
    const lacking = [...unknown].some((id) => !has(id));
    unknown.clear();
    if (lacking) strips();
  });
  const read = () => {
    refresh();
    unknown.add("");
    arrive();
  };

  document.addEventListener("darkroom:predictions", ({ detail }) => {
    if (detail.ids.some(has)) refresh();
    for (const id of detail.ids) if (!has(id)) unknown.add(id);
    if (unknown.size) arrive();
  });
  // What was thrown away or brought back elsewhere: the strips where it stands, as the server draws them now.
  const stale = new Set();
  const reread = paced(PAUSE_MS, () => {
    const again = [...stale].slice(0, MOST_AGAIN);
    stale.clear();
    if (again.length) strips(again);
  });
  document.addEventListener("darkroom:items", ({ detail }) => {
    for (const id of detail.ids) {
      const frame = batches.querySelector(`.frame[data-item="${CSS.escape(id)}"]`);
      for (const one of frame ? [frame] : batches.querySelectorAll(".frame.trashed")) {
        const strip = one.closest('[id^="batch-"]');
        if (strip) stale.add(strip.id.slice("batch-".length));
      }
    }
    if (stale.size) reread();
  });
  document.addEventListener("darkroom:back", read);
  // A page that came out of the browser's cache of pages, or whose stream began after something had happened.
  window.addEventListener("pageshow", (event) => event.persisted && read());
}

// At most every so many milliseconds, and not while nobody looks: then once as soon as somebody does.
function paced(ms, deed) {
  let due = 0;
  let waiting = false;
  const run = () => {
    waiting = false;
    if (document.hidden) {
      document.addEventListener("visibilitychange", again, { once: true });
      return;
    }
    due = performance.now() + ms;
    deed();
  };
  const again = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(run, Math.max(SOON_MS, due - performance.now()));
  };
  return again;
}

// Strips that were begun in another tab, on another device, or through the API; and those to be seen `again`.
async function strips(again = []) {
  const live = document.getElementById("live");
  const have = [...batches.children].slice(0, MOST).map((one) => ["have", one.id]);
  const asked = new URLSearchParams([...have, ...again.map((one) => ["again", one])]);
  const token = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  let response;
  try {
    response = await fetch(live.dataset.strips, { method: "POST", headers: token, body: asked });
  } catch {
    return;
  }
  if (response.status !== 200 || response.redirected) return;
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  // The newest come first, and those that the page lacks are newer than all that it has.
  for (const fresh of [...template.content.children].reverse()) {
    const present = document.getElementById(fresh.id);
    if (present) bring(present, fresh);
    else if (fresh.matches(".batch")) {
      document.getElementById("first")?.remove();
      insertQuietly(batches, fresh);
    }
  }
}
