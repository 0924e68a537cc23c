// Pictures to work from: dropped anywhere, pasted, chosen, taken from the library or the sheet, and masks painted on them.

const MOST = 25 * 1024 * 1024;
const slots = () => [...document.querySelectorAll("#form .slot")];
const held = (slot) => slot.querySelector("input[type=hidden]");
const isMask = (slot) => slot.classList.contains("of-mask");
const under = new WeakMap(); // slot -> the request that is sending its picture

// -- What is said ----------------------------------------------------------------------------------------------------

function complain(slot, words) {
  const line = slot.querySelector(":scope > .wrong");
  line.hidden = !words;
  line.querySelector("[data-wrong]").textContent = words;
}

function say(key) {
  const line = document.getElementById("dock-said");
  if (!line) return;
  line.hidden = !key;
  const text = line.querySelector("span");
  text.textContent = key ? text.dataset[key] : "";
}

function facts(picture) {
  const size = picture.width ? `${picture.width} × ${picture.height}` : "";
  if (!picture.size) return size;
  const unit = picture.size < 1024 * 1024 ? "kilobyte" : "megabyte";
  const amount = picture.size / (unit === "kilobyte" ? 1024 : 1024 * 1024);
  const shown = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, maximumFractionDigits: amount < 10 ? 1 : 0 });
  return size ? `${size} · ${shown.format(amount)}` : shown.format(amount);
}

// -- A slot and its picture --------------------------------------------------------------------------------------------

// What is made with a picture of the library descends from it, unless it is a remix of another one already.
function descend(slot, item) {
  if (isMask(slot)) return;
  for (const old of document.querySelectorAll("[data-descent]")) old.remove();
  if (!item || document.querySelector("[name=made_from]")) return;
  for (const [name, value] of [["made_from", item], ["made_how", "input"]]) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    field.setAttribute("form", "form");
    field.dataset.descent = "";
    document.querySelector(".studio").append(field);
  }
}

function fill(slot, picture, item = "") {
  descend(slot, item);
  const field = held(slot);
  field.value = picture.url;
  Object.assign(field.dataset, { view: picture.view ?? "", width: picture.width ?? "", height: picture.height ?? "" });
  slot.classList.add("filled");
  const image = slot.querySelector(".thumb img");
  image.hidden = !picture.thumb;
  if (picture.thumb) image.src = picture.thumb;
  slot.querySelector("[data-name]").textContent = picture.name;
  slot.querySelector("[data-facts]").textContent = isMask(slot) ? "" : facts(picture);
  slot.querySelector("[data-painted]").textContent = "";
  complain(slot, "");
  say("");
  changed(field);
}

function empty(slot) {
  descend(slot, "");
  under.get(slot)?.abort();
  under.delete(slot);
  slot.querySelector(".sending").hidden = true;
  held(slot).value = "";
  slot.classList.remove("filled", "busy");
  slot.querySelector(".thumb img").removeAttribute("src");
  complain(slot, "");
  changed(held(slot));
}

function changed(field) {
  settle();
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// A mask belongs to its picture: without one it cannot be painted, and with another one it is another mask.
function settle() {
  const picture = slots().find((slot) => !isMask(slot));
  for (const slot of slots().filter(isMask)) {
    const blocked = !picture || !held(picture).value;
    slot.toggleAttribute("data-blocked", blocked);
    slot.querySelector(".offer").setAttribute("aria-disabled", String(blocked));
  }
}

// How much of a mask is white, from a small copy of it.
function measure(image) {
  const slot = image.closest(".slot.of-mask");
  const line = slot?.querySelector("[data-painted]");
  if (!line || !image.naturalWidth) return;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 96;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, 96, 96);
  const { data } = context.getImageData(0, 0, 96, 96);
  let white = 0;
  for (let at = 0; at < data.length; at += 4) white += (data[at] / 255) * (data[at + 3] / 255);
  const share = (100 * white) / (96 * 96);
  line.textContent = line.dataset.words.replace("{n}", `${share > 0 && share < 1 ? "< 1" : Math.round(share)}%`);
}
document.addEventListener("load", (event) => event.target.matches?.(".slot .thumb img") && measure(event.target), true);

// A local file is shown in the dock as a small copy of it, made here: the whole one need not come back.
const SMALL = 104;
const LIGHT = 64 * 1024;
async function shrunk(file) {
  try {
    const bitmap = await createImageBitmap(file, { resizeHeight: SMALL, resizeQuality: "medium" });
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(bitmap.width, SMALL * 4);
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, (canvas.width - bitmap.width) / 2, 0);
    bitmap.close();
    return canvas.toDataURL("image/webp", 0.8);
  } catch {
    return "";
  }
}

// -- Sending -------------------------------------------------------------------------------------------------------------

function send(slot, file) {
  under.get(slot)?.abort();
  if (file.size > MOST) return complain(slot, document.querySelector("#dock-said span").dataset.large);
  const small = isMask(slot) || file.size < LIGHT ? "" : shrunk(file);
  const line = slot.querySelector(".sending");
  const request = new XMLHttpRequest();
  under.set(slot, request);
  const body = new FormData();
  body.append("file", file, file.name || "picture.png");
  const ended = () => {
    if (under.get(slot) === request) {
      under.delete(slot);
      slot.classList.remove("busy");
      line.hidden = true;
    }
  };
  request.open("POST", "/studio/upload/");
  request.responseType = "json";
  request.setRequestHeader("X-CSRFToken", document.querySelector("#form [name=csrfmiddlewaretoken]").value);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) line.style.setProperty("--sent", (event.loaded / event.total).toFixed(3));
  });
  request.addEventListener("load", async () => {
    const thumb = request.status === 201 ? await small : "";
    if (under.get(slot) !== request) return;
    ended();
    if (request.status === 201) fill(slot, { ...request.response, thumb: thumb || request.response.thumb });
    else complain(slot, request.response?.detail ?? document.querySelector("#dock-said span").dataset.lost);
  });
  request.addEventListener("error", () => {
    ended();
    complain(slot, document.querySelector("#dock-said span").dataset.lost);
  });
  request.addEventListener("abort", ended);
  complain(slot, "");
  line.style.setProperty("--sent", "0");
  line.hidden = false;
  slot.classList.add("busy");
  request.send(body);
}

// The slot for a picture that came without one: the first empty one that is no mask, else the first.
function nearest() {
  const pictures = slots().filter((slot) => !isMask(slot));
  return pictures.find((slot) => !held(slot).value) ?? pictures[0];
}

function take(file, slot = nearest()) {
  if (!slot) return say("none");
  send(slot, file);
}

async function takeItem(id, slot = nearest()) {
  if (!slot) return say("none");
  const answer = await fetch(`/studio/use/${encodeURIComponent(id)}/`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return say(answer ? "foreign" : "lost");
  fill(slot, await answer.json(), id);
}

// A picture of this server that was dragged here, by its page or by its file.
function itemOf(address) {
  try {
    const url = new URL(address, location.href);
    const found = url.pathname.match(/^\/(?:library|gallery)\/([A-Za-z0-9_-]{16,40})\//);
    return url.origin === location.origin && found ? found[1] : "";
  } catch {
    return "";
  }
}

// -- Choosing, dropping, pasting -------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  if (!event.target.matches(".slot .file")) return;
  event.stopPropagation();
  const [file] = event.target.files;
  event.target.value = "";
  if (file) send(event.target.closest(".slot"), file);
}, true);

let depth = 0;
const mayDrop = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");
function overWhat(target) {
  for (const slot of slots()) slot.classList.toggle("over", slot === target);
}
document.addEventListener("dragenter", (event) => {
  if (!mayDrop(event) || document.querySelector("dialog[open]")) return;
  depth += 1;
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!mayDrop(event)) return;
  depth = Math.max(0, depth - 1);
  if (!depth) left();
});
function left() {
  depth = 0;
  document.body.classList.remove("dropping");
  overWhat(null);
}
document.addEventListener("dragover", (event) => {
  if (!mayDrop(event) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  overWhat(event.target.closest?.(".slot") ?? nearest());
});
document.addEventListener("dragend", left);
document.addEventListener("drop", (event) => {
  if (!mayDrop(event) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  const slot = event.target.closest?.(".slot") ?? undefined;
  left();
  const [file] = event.dataTransfer.files;
  if (file) return take(file, slot);
  const addresses = event.dataTransfer.getData("text/uri-list").split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  const id = addresses.map(itemOf).find(Boolean);
  if (id) takeItem(id, slot);
  else if (addresses.length) say("foreign");
});

document.addEventListener("paste", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  take(file, event.target.closest?.(".slot") ?? undefined);
});

// -- From the library --------------------------------------------------------------------------------------------------------

let wanting = null;
async function openShelf(slot) {
  wanting = slot;
  let box = document.getElementById("shelf");
  if (!box) {
    box = document.createElement("dialog");
    box.id = "shelf";
    box.className = "box shelf";
    document.body.append(box);
    box.addEventListener("close", () => wanting?.querySelector("[data-shelf]")?.focus());
  }
  const answer = await fetch("/studio/shelf/", { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) return say("lost");
  box.innerHTML = await answer.text();
  box.setAttribute("aria-label", box.querySelector("h2")?.textContent ?? "");
  window.htmx?.process(box);
  box.showModal();
  (box.querySelector("[data-pick]") ?? box.querySelector("button")).focus();
}

// The arrow keys walk through the pictures of the picker.
function walk(event) {
  const all = [...document.querySelectorAll("#shelf [data-pick]")];
  const at = all.indexOf(event.target);
  if (at < 0) return;
  const first = all[0].getBoundingClientRect().top;
  const columns = Math.max(1, all.findIndex((one) => one.getBoundingClientRect().top > first));
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (!by || !all[at + by]) return;
  event.preventDefault();
  all[at + by].focus();
}
document.addEventListener("keydown", walk);

// -- The mask ----------------------------------------------------------------------------------------------------------------

async function paint(slot) {
  const picture = slots().find((one) => !isMask(one));
  const field = picture && held(picture);
  if (!field?.value) return picture?.querySelector(".file").focus();
  if (!field.dataset.view) return complain(slot, document.querySelector("#dock-said span").dataset.foreign);
  const { openMask } = await import("./mask.js");
  const blob = await openMask({
    imageUrl: field.dataset.view,
    draftKey: `mask:${field.dataset.view}`,
    maskUrl: held(slot).value ? held(slot).dataset.view : "",
    title: document.querySelector(".chosen b")?.textContent ?? "",
  });
  if (blob) send(slot, new File([blob], "mask.png", { type: "image/png" }));
}

// -- Clicks --------------------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const target = event.target.closest("button, a, label");
  if (!target) return;
  const slot = target.closest(".slot");
  if (target.matches("[data-shelf]")) openShelf(slot);
  else if (target.matches("[data-empty]")) {
    empty(slot);
    slot.querySelector(".file").focus();
  } else if (target.matches("[data-paint]")) paint(slot);
  else if (target.matches("[data-pick]")) {
    const { url, view, thumb, name, width, height, size, item } = target.dataset;
    const picture = { url, view, thumb, name, width: Number(width), height: Number(height), size: Number(size) };
    if (wanting) fill(wanting, picture, item);
    document.getElementById("shelf").close();
  } else if (target.matches('a[href^="/studio/?use="]') && nearest() && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    takeItem(new URLSearchParams(target.search).get("use"));
  }
});

// Where a picture is missing the button leads there; nothing is sent while one is still on its way. The fields are asked
// and not the button, which learns of a new picture a moment later.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "form") return;
  const busy = document.querySelector("#form .slot.busy");
  const missing = slots().find((slot) => slot.classList.contains("wide") && !held(slot).value);
  if (!busy && !missing) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (busy) say("wait");
  else if (isMask(missing)) paint(missing);
  else missing.querySelector(".file").click();
}, true);

document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.id === "form" || event.detail.elt.querySelector?.("#form")) settle();
});
settle();
for (const image of document.querySelectorAll(".slot.of-mask .thumb img")) if (image.complete) measure(image);
