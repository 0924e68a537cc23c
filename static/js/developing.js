// A picture that is being made: its looks follow each other without a gap, and the finished one takes their place.

const still = matchMedia("(prefers-reduced-motion: reduce)");
const FADE_MS = 200;
const EVERY_MS = 450;
// By frame: the last look that is decoded, kept while the page replaces what is around it.
const shown = new Map();

function develop(print) {
  const key = print.dataset.frame;
  const next = print.querySelector(":scope > .look");
  const before = shown.get(key);
  if (still.matches) {
    next?.remove();
    return;
  }
  if (before && next !== before) print.prepend(before);
  if (!next || next === before) return;
  if (before) next.classList.add("coming");
  before?.after(next);
  next.decode().then(() => {
    if (!next.isConnected) return;
    shown.set(key, next);
    next.classList.remove("coming");
    if (before) setTimeout(() => before.remove(), FADE_MS);
  }, () => next.remove());
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
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const print of node.querySelectorAll(".print[data-frame]")) {
    if (print.classList.contains("tray")) develop(print);
    else fix(print);
  }
  // What ended without a picture shows no look any more.
  const id = node.id.replace("batch-", "");
  if (node.matches(".halted")) for (const key of shown.keys()) if (key.startsWith(`${id}-`)) shown.delete(key);
}

const batches = document.getElementById("batches");
if (batches) {
  look(batches);
  // Told before anything is painted, so that no empty tray flashes between two looks.
  new MutationObserver((records) => {
    for (const record of records) record.addedNodes.forEach(look);
  }).observe(batches, { childList: true });
}

setInterval(() => {
  const live = document.getElementById("live");
  if (live && !document.hidden && document.querySelector(".tray")) htmx.trigger(live, "develop");
}, EVERY_MS);
