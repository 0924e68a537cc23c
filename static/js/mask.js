// The mask painter: a dialog over the whole window in which one paints what a model should change.
//
// openMask({imageUrl, draftKey, maskUrl, title, words}) -> Promise<Blob | null>: an 8-bit grey PNG of the picture's own
// size, white where it should change; null when the painter was closed. Every word stands in templates/studio/_mask.html.

import { Mask } from "./mask-canvas.js";
import { keep, picture, png, read, recall } from "./mask-files.js";
import { Hands, typing } from "./mask-input.js";
import { colours, rectangle, run } from "./mask-shapes.js";
import { View } from "./mask-view.js";

const TOOLS = { b: "brush", e: "eraser", l: "lasso", m: "box", g: "fill", h: "hand" };
const SHAPES = ["lasso", "box", "fill"];
const LIMITS = { size: [1, 400], softness: [0, 100], tolerance: [0, 100] };
const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

/** Open the painter; a second call while it is open answers null at once. */
export function openMask(options) {
  const dialog = document.getElementById("mask");
  if (!dialog || dialog.open) return Promise.resolve(null);
  const opener = document.activeElement;
  return new Promise((resolve) => {
    new Painter(dialog, options, (blob) => {
      if (opener?.isConnected) opener.focus({ preventScroll: true });
      resolve(blob);
    }).open();
  });
}

class Painter {
  #stop = new AbortController();
  #blob = null;
  #pixels = null;
  #saving = 0;
  #saying = 0;
  #worked = false;
  #fitted = 0;

  constructor(dialog, { imageUrl, draftKey = "", maskUrl = "", title = "", words = {} }, ended) {
    Object.assign(this, { dialog, draftKey, ended, tool: "brush", away: false, pressure: false, tolerance: 0.12 });
    this.source = { imageUrl, maskUrl: maskUrl || "" };
    this.stage = dialog.querySelector(".mask-stage");
    this.use = dialog.querySelector("[data-mask=use]");
    this.words = { ...dialog.dataset, ...words };
    dialog.querySelector("#mask-title").textContent = title || this.words.title;
    this.size = Number(this.#field("size").value);
    this.softness = Number(this.#field("softness").value) / 100;
  }

  #field(name) {
    return this.dialog.querySelector(`[data-number=${name}]`);
  }

  #listen(target, name, deed, options = {}) {
    target.addEventListener(name, deed.bind(this), { signal: this.#stop.signal, ...options });
  }

  async open() {
    const { dialog } = this;
    this.#state("loading");
    this.#listen(dialog, "close", this.#closed);
    this.#listen(dialog, "click", this.#clicked);
    this.#listen(dialog, "input", this.#typed);
    this.#listen(dialog, "change", (event) => this.#choose(event.target));
    this.#listen(dialog, "keydown", this.#key);
    this.#listen(dialog, "keyup", (event) => event.stopPropagation());
    dialog.showModal();
    this.stage.focus({ preventScroll: true });
    try {
      const image = await picture(this.source.imageUrl);
      if (!image.naturalWidth) throw new Error("a picture without a size");
      if (!this.#stop.signal.aborted) await this.#begin(image);
    } catch {
      if (!this.#stop.signal.aborted) this.#state("failed");
    }
  }

  async #begin(image) {
    this.mask = new Mask(image.naturalWidth, image.naturalHeight);
    const drafted = recall(this.draftKey, this.mask, this.source);
    let lost = false;
    if (!drafted && this.source.maskUrl) await read(this.mask, this.source.maskUrl).catch(() => (lost = true));
    if (this.#stop.signal.aborted) return;
    this.#state("ready");
    image.className = "mask-picture";
    image.alt = "";
    image.draggable = false;
    this.stage.querySelector(".mask-picture")?.remove();
    this.stage.prepend(image);
    this.image = image;
    this.view = new View(this.stage, image, this.mask, () => this.#tell());
    this.hands = new Hands(this, this.#stop.signal);
    this.#watch();
    this.#ranges();
    this.choose("brush");
    for (const [name, value] of Object.entries(this.#middle())) this.dialog.querySelector(`[name=mask-${name}]`).value = value;
    this.#tell();
    this.zoomed();
    this.#say(lost ? this.words.lost : drafted ? this.words.draft : "");
  }

  // The rectangle that the four fields begin with: the middle of the picture.
  #middle() {
    const { pictureWidth: width, pictureHeight: height } = this.mask;
    return { left: Math.floor(width / 4), top: Math.floor(height / 4), width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  }

  #watch() {
    const seen = new ResizeObserver(() => {
      const whole = Math.abs(this.view.zoom - this.#fitted) < 1e-6;
      this.view.resize();
      if (whole) this.fit();
    });
    this.#fitted = this.view.fitting;
    seen.observe(this.stage);
    this.#stop.signal.addEventListener("abort", () => {
      seen.disconnect();
      this.view.stop();
    });
    this.#listen(window, "pagehide", () => this.#save());
  }

  #state(state) {
    this.dialog.dataset.state = state;
    this.stage.setAttribute("aria-busy", String(state === "loading"));
    this.use.setAttribute("aria-disabled", "true");
    if (state === "loading") this.stage.querySelector(".mask-picture")?.remove();
  }

  // -- What hands and keys ask for ---------------------------------------------------------------

  /** Take a tool in hand; what is half done with another one is given up. */
  choose(tool) {
    this.hands.abandon();
    this.tool = tool;
    this.dialog.dataset.tool = tool;
    for (const button of this.dialog.querySelectorAll("[data-tool-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.toolChoice === tool));
    }
    for (const part of this.dialog.querySelectorAll("[data-for-tools]")) {
      part.hidden = !part.dataset.forTools.split(" ").includes(tool);
    }
    this.#look();
  }

  /** Whether what is painted now takes away; Alt turns it round. */
  takesAway(turned) {
    return (this.tool === "eraser" || (SHAPES.includes(this.tool) && this.away)) !== turned;
  }

  /** Brush and eraser change places; with a shape in hand, painting and taking away do. */
  swap() {
    if (SHAPES.includes(this.tool)) {
      this.away = !this.away;
      this.dialog.querySelector(`[name=mask-away][value="${this.away ? 1 : 0}"]`).checked = true;
    } else {
      this.choose(this.tool === "brush" ? "eraser" : "brush");
    }
  }

  /** Paint a block of coverage, or take it away, as one step. */
  lay(area, erase) {
    if (!area) return;
    this.mask.begin();
    this.mask.lay(area.block, area.x, area.y, area.width, area.height, erase);
    this.done(this.mask.commit());
  }

  /** Paint what hangs together with a point of the picture. */
  fill(at, erase) {
    const { mask } = this;
    if (at.x < 0 || at.y < 0 || at.x >= mask.pictureWidth || at.y >= mask.pictureHeight) return;
    this.#pixels ??= colours(mask, this.image);
    const { x, y } = this.view.toMask(at);
    this.lay(run(mask, this.#pixels, Math.min(x, mask.width - 1), Math.min(y, mask.height - 1), this.tolerance, erase), erase);
  }

  /** A step is over: show it, say it, keep it. */
  done(changed) {
    if (!changed) return;
    this.#worked = true;
    this.view.stale();
    this.#say(this.#share());
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#save(), 400);
  }

  fit() {
    this.view.fit();
    this.#fitted = this.view.zoom;
    this.zoomed();
  }

  zoomed() {
    this.dialog.querySelector("[data-mask=zoom]").textContent = `${Math.max(1, Math.round(this.view.zoom * 100))}%`;
  }

  /** Keys have moved the ring: say where it is once it rests. */
  ringed() {
    clearTimeout(this.#saying);
    const { x, y } = this.view.at;
    this.#saying = setTimeout(() => this.#say(filled(this.words.ring, { x: Math.round(x), y: Math.round(y) })), 500);
  }

  /** A pen was used: only then its pressure is a question. */
  penSeen() {
    this.dialog.classList.add("has-pen");
  }

  // -- Buttons, fields, keys -----------------------------------------------------------------------

  #deeds = {
    close: () => this.dialog.close(),
    use: () => this.#finish(),
    undo: () => this.done(this.mask.undo()),
    redo: () => this.done(this.mask.redo()),
    clear: () => this.done(this.mask.clear()),
    invert: () => {
      this.mask.invert();
      this.done(true);
    },
    nearer: () => this.#zoom(1.25),
    farther: () => this.#zoom(0.8),
    fit: () => this.fit(),
    rectangle: () => this.#rectangle(),
  };

  #do(name) {
    if (name === "close") return this.#deeds.close();
    if (this.dialog.dataset.state !== "ready" || this.hands.busy) return;
    if (["undo", "clear", "invert"].includes(name)) this.hands.abandon();
    this.#deeds[name]();
  }

  #zoom(factor) {
    this.view.scale(factor);
    this.zoomed();
  }

  #clicked(event) {
    const button = event.target.closest("button");
    if (button?.dataset.toolChoice && this.hands) this.choose(button.dataset.toolChoice);
    else if (button && Object.hasOwn(this.#deeds, button.dataset.mask ?? "")) this.#do(button.dataset.mask);
  }

  #typed({ target }) {
    const name = target.dataset.range ?? target.dataset.number;
    if (name && target.value !== "") this.#set(name, Number(target.value), target);
  }

  #choose(target) {
    if (target.dataset.number) this.#set(target.dataset.number, Number(target.value) || 0);
    else if (target.name === "mask-away") this.away = target.value === "1";
    else if (target.name === "mask-pressure") this.pressure = target.checked;
  }

  // One of the three amounts, in its slider and its field; the field one types in is left alone.
  #set(name, value, source = null) {
    const amount = clamp(Math.round(value), LIMITS[name]);
    for (const field of this.dialog.querySelectorAll(`[data-range=${name}], [data-number=${name}]`)) {
      if (field !== source) field.value = String(amount);
    }
    this[name] = name === "size" ? amount : amount / 100;
    this.#ranges();
    this.#look();
  }

  #ranges() {
    for (const range of this.dialog.querySelectorAll("[data-range]")) {
      const [low, high] = LIMITS[range.dataset.range];
      range.parentElement.style.setProperty("--at", ((range.value - low) / (high - low)).toFixed(4));
    }
  }

  #look() {
    if (!this.view) return;
    this.view.size = ["brush", "eraser"].includes(this.tool) ? this.size : 14;
    this.view.core = this.view.size === this.size ? 1 - this.softness : 1;
    this.view.stale(null);
  }

  #rectangle() {
    const [left, top, width, height] = ["left", "top", "width", "height"].map((name) => {
      return Math.max(0, Number(this.dialog.querySelector(`[name=mask-${name}]`).value) || 0);
    });
    const from = this.view.toMask({ x: left, y: top });
    const to = this.view.toMask({ x: left + width, y: top + height });
    this.lay(rectangle(this.mask, from.x, from.y, to.x, to.y), this.away);
  }

  #key(event) {
    // Nothing behind the painter hears its keys.
    event.stopPropagation();
    if (!this.hands) return;
    const altGraph = event.getModifierState("AltGraph");
    const command = (event.ctrlKey || event.metaKey) && !altGraph;
    if (event.key === "Escape") {
      if (this.hands.abandon()) event.preventDefault();
    } else if (event.key === "Enter" && event.target.name?.startsWith("mask-")) {
      event.preventDefault();
      this.#do("rectangle");
    } else if (command ? this.#command(event) : this.#single(event, altGraph)) {
      event.preventDefault();
    }
  }

  #command(event) {
    const key = event.key.toLowerCase();
    if (key === "enter") this.#do("use");
    else if (typing(event.target)) return false;
    else if (key === "z") this.#do(event.shiftKey ? "redo" : "undo");
    else if (key === "y") this.#do("redo");
    else return false;
    return true;
  }

  #single(event, altGraph) {
    if (typing(event.target) || (event.altKey && !altGraph) || localStorage.getItem("keys") === "off") return false;
    const key = event.key.toLowerCase();
    const grain = this.size < 10 ? 1 : this.size < 50 ? 5 : this.size < 100 ? 10 : 25;
    if (TOOLS[key]) this.choose(TOOLS[key]);
    else if (key === "x") this.swap();
    else if (key === "i") this.#do("invert");
    else if (key === "[") this.#set("size", this.size - (this.size <= 10 ? 1 : grain));
    else if (key === "]") this.#set("size", this.size + grain);
    else if (key === "{") this.#set("softness", 100 * this.softness - 10);
    else if (key === "}") this.#set("softness", 100 * this.softness + 10);
    else if (key === "0") this.fit();
    else if (key === "+" || key === "=") this.#do("nearer");
    else if (key === "-" || key === "_" || key === "−") this.#do("farther");
    else if (key === "?") this.dialog.querySelector("#mask-keys").togglePopover();
    else return false;
    return true;
  }

  // -- What it tells, keeps and gives ------------------------------------------------------------------

  #share() {
    const hundredths = this.mask.painted * 100;
    const number = hundredths > 0 && hundredths < 1 ? "<1%" : `${Math.floor(hundredths)}%`;
    return filled(this.words.painted, { n: number });
  }

  #tell() {
    const empty = this.mask.sum === 0;
    const share = this.dialog.querySelector("[data-mask=share]");
    if (share.textContent !== this.#share()) share.textContent = this.#share();
    const label = empty ? this.words.empty : this.words.use;
    if (this.use.textContent !== label) this.use.textContent = label;
    this.use.setAttribute("aria-disabled", String(empty));
    for (const [name, able] of [["undo", this.mask.canUndo], ["redo", this.mask.canRedo], ["clear", !empty]]) {
      this.dialog.querySelector(`[data-mask=${name}]`).setAttribute("aria-disabled", String(!able));
    }
  }

  #say(text) {
    clearTimeout(this.#saying);
    this.dialog.querySelector("[data-mask=said]").textContent = text ?? "";
  }

  #save() {
    clearTimeout(this.#saving);
    this.#saving = 0;
    if (this.#worked) keep(this.draftKey, this.mask, this.source);
  }

  async #finish() {
    if (this.mask.sum === 0 || this.dialog.dataset.state !== "ready") return;
    this.dialog.dataset.state = "saving";
    this.use.setAttribute("aria-disabled", "true");
    const blob = await png(this.mask);
    if (this.#stop.signal.aborted) return;
    this.#blob = blob;
    this.dialog.close();
  }

  #closed() {
    if (this.hands?.abandon()) this.#say("");
    clearTimeout(this.#saying);
    this.#save();
    this.#stop.abort();
    this.stage.querySelector(".mask-picture")?.remove();
    this.ended(this.#blob);
  }
}
