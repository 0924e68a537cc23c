// Hands on the stage: mouse, pen, fingers and keys, turned into strokes, shapes and moves of the view.

import { polygon, rectangle } from "./mask-shapes.js";

// A finger that has gone no farther than this when the second one lands was on its way to a pinch, not painting.
const HARDLY = 24;
const STEP = 4;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Whether letters typed there are text. */
export const typing = (target) =>
  Boolean(target.closest?.("textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])"));

export class Hands {
  #fingers = new Map();
  #painting = null;
  #pinch = null;
  #panning = null;
  #last = null;
  #space = false;

  /** `painter` has mask, view, tool, size, softness, pressure and the deeds `fill`, `done` and `said`. */
  constructor(painter, signal) {
    this.painter = painter;
    this.stage = painter.view.stage;
    const on = (name, deed, options = {}) => this.stage.addEventListener(name, deed.bind(this), { signal, ...options });
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.up);
    on("lostpointercapture", this.up);
    on("pointerenter", (event) => this.stage.classList.toggle("pointed", event.pointerType !== "touch"));
    on("pointerleave", () => this.stage.classList.remove("pointed"));
    on("wheel", this.wheel, { passive: false });
    on("contextmenu", (event) => event.preventDefault());
    on("keydown", this.key);
    on("keyup", (event) => event.key === " " && this.#lift());
    on("blur", () => this.#lift());
  }

  #place(event) {
    const box = this.stage.getBoundingClientRect();
    return { px: event.clientX - box.left, py: event.clientY - box.top };
  }

  #size(event) {
    const { size, pressure } = this.painter;
    return pressure && event.pointerType === "pen" ? Math.max(1, size * (0.15 + 0.85 * event.pressure)) : size;
  }

  down(event) {
    const { painter } = this;
    const { px, py } = this.#place(event);
    if (event.pointerType === "pen") painter.penSeen();
    if (event.pointerType === "touch") {
      // While the pen is down, a resting hand does nothing.
      if (this.#painting && this.#painting.type !== "touch") return;
      this.#fingers.set(event.pointerId, { px, py });
      if (this.#fingers.size === 2) return this.#startPinch();
      if (this.#fingers.size > 2 || this.#pinch) return;
    }
    if (this.#painting || this.#panning) return;
    if (event.button === 1 || painter.tool === "hand") {
      this.#panning = { id: event.pointerId, px, py };
    } else if (event.button === 0 || (event.pointerType === "pen" && event.buttons & 32)) {
      this.#begin(event, px, py);
    } else {
      return;
    }
    event.preventDefault();
    this.stage.focus({ preventScroll: true, focusVisible: false });
    this.stage.classList.remove("keys");
    try {
      this.stage.setPointerCapture(event.pointerId);
    } catch {
      // Gone already: its end will come all the same.
    }
  }

  #begin(event, px, py) {
    const { painter } = this;
    const { view, mask, tool } = painter;
    const at = view.toPicture(px, py);
    view.lead(at.x, at.y);
    if (tool === "fill") return painter.fill(at, painter.takesAway(event.altKey));
    const erase = painter.takesAway(event.altKey) || Boolean(event.buttons & 32);
    this.#painting = { id: event.pointerId, type: event.pointerType, px, py, way: 0, erase };
    if (tool === "lasso" || tool === "box") {
      view.shape = [at];
      return;
    }
    mask.begin();
    const to = view.toMask(at, this.#size(event));
    const from = event.shiftKey && this.#last ? { ...view.toMask(this.#last), r: to.r } : to;
    view.stale(mask.stroke(from, to, painter.softness, erase) ?? null);
    this.#painting.to = to;
    this.#last = at;
  }

  move(event) {
    const { painter } = this;
    const { view } = painter;
    const { px, py } = this.#place(event);
    if (this.#fingers.has(event.pointerId)) {
      const finger = this.#fingers.get(event.pointerId);
      if (this.#pinch) return this.#movePinch(finger, px, py);
      Object.assign(finger, { px, py });
    }
    if (this.#panning?.id === event.pointerId) {
      view.pan(px - this.#panning.px, py - this.#panning.py);
      Object.assign(this.#panning, { px, py });
      return;
    }
    if (this.#painting?.id === event.pointerId) {
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) this.#draw(part);
    } else if (event.pointerType !== "touch" && !this.#painting) {
      const at = view.toPicture(px, py);
      view.lead(at.x, at.y);
    }
  }

  #draw(event) {
    const { painter } = this;
    const { view, mask, tool } = painter;
    const { px, py } = this.#place(event);
    const painting = this.#painting;
    const gone = Math.hypot(px - painting.px, py - painting.py);
    if (gone < 1) return;
    painting.way += gone;
    Object.assign(painting, { px, py });
    const at = view.toPicture(px, py);
    view.lead(at.x, at.y);
    if (tool === "lasso") {
      view.shape.push(at);
    } else if (tool === "box") {
      view.shape = corners(view.shape[0], at);
    } else {
      const to = view.toMask(at, this.#size(event));
      view.stale(mask.stroke(painting.to, to, painter.softness, painting.erase) ?? null);
      painting.to = to;
      this.#last = at;
    }
  }

  up(event) {
    const { painter } = this;
    this.#fingers.delete(event.pointerId);
    if (this.#pinch && this.#fingers.size === 0) this.#pinch = null;
    if (this.#panning?.id === event.pointerId) this.#panning = null;
    if (this.#painting?.id !== event.pointerId) return;
    const { erase } = this.#painting;
    this.#painting = null;
    if (event.type === "pointercancel") return this.#drop();
    if (painter.tool === "lasso" || painter.tool === "box") this.#close(erase);
    else painter.done(painter.mask.commit());
  }

  // What was begun is given back.
  #drop() {
    const { painter } = this;
    this.#painting = null;
    if (painter.view.shape.length) painter.view.shape = [];
    else painter.view.stale(painter.mask.cancel());
    painter.view.stale(null);
  }

  #close(erase) {
    const { painter } = this;
    const { view, mask } = painter;
    const points = view.shape.map((point) => view.toMask(point));
    view.shape = [];
    view.stale(null);
    if (points.length < 3) return;
    const area = painter.tool === "box" ? rectangle(mask, points[0].x, points[0].y, points[2].x, points[2].y) : polygon(mask, points);
    painter.lay(area, erase);
  }

  #startPinch() {
    if (this.#painting) {
      if (this.#painting.way < HARDLY) this.#drop();
      else this.up({ type: "pointerup", pointerId: this.#painting.id });
    }
    this.#panning = null;
    this.#pinch = [...this.#fingers.keys()];
  }

  // Two fingers hold two points of the picture.
  #movePinch(finger, px, py) {
    const { view } = this.painter;
    const [one, other] = this.#pinch.map((id) => this.#fingers.get(id));
    const before = one && other && { ...between(one, other) };
    Object.assign(finger, { px, py });
    if (!before) return;
    const after = between(one, other);
    view.pan(after.px - before.px, after.py - before.py);
    if (before.apart > 8) view.scale(after.apart / before.apart, after.px, after.py);
    this.painter.zoomed();
  }

  wheel(event) {
    event.preventDefault();
    const { view } = this.painter;
    const { px, py } = this.#place(event);
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) {
      view.scale(Math.exp((-event.deltaY * unit) / 200), px, py);
      this.painter.zoomed();
    } else if (event.shiftKey && !event.deltaX) view.pan(-event.deltaY * unit, 0);
    else view.pan(-event.deltaX * unit, -event.deltaY * unit);
  }

  /** Arrows, Space and Enter on the stage itself. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const way = WAYS[event.key];
    if (way) this.#step(way, event.shiftKey ? 10 * STEP : STEP);
    else if (event.key === " ") event.repeat || this.#press();
    else if (event.key === "Enter") this.#finish();
    else return;
    event.preventDefault();
    this.stage.classList.add("keys");
  }

  #step([dx, dy], far) {
    const { painter } = this;
    const { view, mask } = painter;
    if (painter.tool === "hand") return view.pan(-dx * far, -dy * far);
    // Whole pixels of the picture, so that a way back ends where it began.
    const stride = Math.max(1, Math.round(far / view.zoom));
    const from = view.at;
    view.lead(Math.round(from.x + dx * stride), Math.round(from.y + dy * stride), true);
    if (this.#space) {
      view.stale(mask.stroke(view.toMask(from, painter.size), view.toMask(view.at, painter.size), painter.softness, painter.takesAway(false)) ?? null);
    } else if (painter.tool === "box" && view.shape.length) {
      view.shape = corners(view.shape[0], view.at);
    }
    painter.ringed();
  }

  #press() {
    const { painter } = this;
    const { view, mask, tool } = painter;
    if (this.#painting || tool === "hand") return;
    if (tool === "fill") return painter.fill(view.at, painter.takesAway(false));
    if (tool === "lasso") {
      view.shape = [...view.shape, { ...view.at }];
      return view.stale(null);
    }
    if (tool === "box") return view.shape.length ? this.#finish() : this.#corner();
    this.#space = true;
    mask.begin();
    const at = view.toMask(view.at, painter.size);
    view.stale(mask.stroke(at, at, painter.softness, painter.takesAway(false)) ?? null);
    this.#last = view.at;
  }

  #corner() {
    const { view } = this.painter;
    view.shape = corners(view.at, view.at);
    view.stale(null);
  }

  // Enter closes a shape that was begun with Space; with a brush it does as Space does.
  #finish() {
    if (this.painter.view.shape.length) return this.#close(this.painter.takesAway(false));
    this.#press();
    this.#lift();
  }

  #lift() {
    if (!this.#space) return;
    this.#space = false;
    this.painter.done(this.painter.mask.commit());
  }

  /** Give up what is being drawn; false when there is nothing. */
  abandon() {
    const busy = Boolean(this.#painting || this.#space || this.painter.view.shape.length);
    if (busy) {
      this.#space = false;
      this.#drop();
    }
    return busy;
  }

  get busy() {
    return Boolean(this.#painting || this.#space);
  }
}

const corners = (a, b) => [{ x: a.x, y: a.y }, { x: b.x, y: a.y }, { x: b.x, y: b.y }, { x: a.x, y: b.y }];

function between(one, other) {
  return { px: (one.px + other.px) / 2, py: (one.py + other.py) / 2, apart: Math.hypot(one.px - other.px, one.py - other.py) };
}
