// The mask itself: one byte a pixel (0 keep, 255 change) on a grid of bounded size, what paints into it, fifty steps back.

/** The longest side of the grid, so that a picture of forty million pixels costs four million bytes. */
export const LONGEST = 2048;
const STEPS = 50;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Bytes as pairs of a value and how often it follows itself (seven bits a byte, lowest first). */
export function pack(bytes) {
  let out = new Uint8Array(1024);
  let used = 0;
  for (let at = 0; at < bytes.length;) {
    const value = bytes[at];
    let end = at + 1;
    while (end < bytes.length && bytes[end] === value) end += 1;
    if (used + 8 > out.length) {
      const larger = new Uint8Array(out.length * 2);
      larger.set(out);
      out = larger;
    }
    out[used++] = value;
    let count = end - at;
    for (; count > 127; count >>>= 7) out[used++] = (count & 127) | 128;
    out[used++] = count;
    at = end;
  }
  return out.slice(0, used);
}

/** The bytes behind `pack`; null when they do not make exactly `length`. */
export function unpack(packed, length) {
  const out = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < packed.length;) {
    const value = packed[i++];
    let count = 0;
    for (let shift = 0; ; shift += 7) {
      if (i >= packed.length || shift > 28) return null;
      count += (packed[i] & 127) * 2 ** shift;
      if (packed[i++] < 128) break;
    }
    if (count === 0 || at + count > length) return null;
    out.fill(value, at, at + count);
    at += count;
  }
  return at === length ? out : null;
}

/** A mask for a picture of the given size. Coordinates of its methods are those of its own grid. */
export class Mask {
  #before = null;
  #touched = null;
  #changed = false;
  #undo = [];
  #redo = [];

  constructor(pictureWidth, pictureHeight) {
    const scale = Math.min(1, LONGEST / Math.max(pictureWidth, pictureHeight));
    this.pictureWidth = pictureWidth;
    this.pictureHeight = pictureHeight;
    this.width = Math.max(1, Math.round(pictureWidth * scale));
    this.height = Math.max(1, Math.round(pictureHeight * scale));
    this.data = new Uint8Array(this.width * this.height);
    this.sum = 0;
  }

  /** The painted share of the picture, 0 to 1. */
  get painted() {
    return this.sum / (255 * this.data.length);
  }
  get canUndo() {
    return this.#undo.length > 0;
  }
  get canRedo() {
    return this.#redo.length > 0;
  }

  /** Take over a whole mask, as it was loaded or kept; nothing to undo. */
  load(data) {
    this.data.set(data);
    this.sum = 0;
    for (const value of this.data) this.sum += value;
  }

  /** Begin one step: until `commit` or `cancel` all painting belongs to it. */
  begin() {
    this.#before ??= new Uint8Array(this.data.length);
    this.#before.set(this.data);
    this.#touched = null;
    this.#changed = false;
  }

  /** End the step; true when it changed anything. */
  commit() {
    if (!this.#changed) return false;
    const box = this.#touched;
    this.#remember(this.#undo, { ...box, bytes: pack(this.#cut(this.#before, box)) });
    this.#redo = [];
    return true;
  }

  /** Give back what was there before the step began; the box that changed, or null. */
  cancel() {
    const box = this.#touched;
    if (box) this.#paste(this.#cut(this.#before, box), box);
    this.#touched = null;
    this.#changed = false;
    return box;
  }

  /** From one point to the next with a round brush: `{x, y, r}` each; `softness` 0 to 1 is the share of the radius that fades. */
  stroke(from, to, softness, erase) {
    const reach = Math.max(from.r, to.r) + 1;
    const box = this.#within(
      Math.floor(Math.min(from.x, to.x) - reach), Math.floor(Math.min(from.y, to.y) - reach),
      Math.ceil(Math.max(from.x, to.x) + reach), Math.ceil(Math.max(from.y, to.y) + reach),
    );
    if (!box) return null;
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const long = dx * dx + dy * dy;
    for (let j = box.y; j < box.y + box.height; j += 1) {
      const py = j + 0.5 - from.y;
      for (let i = box.x; i < box.x + box.width; i += 1) {
        const px = i + 0.5 - from.x;
        const t = long ? clamp((px * dx + py * dy) / long, 0, 1) : 0;
        const r = from.r + t * (to.r - from.r);
        const far = (px - t * dx) ** 2 + (py - t * dy) ** 2;
        if (far < (r + 0.5) ** 2) this.#set(j * this.width + i, cover(Math.sqrt(far), r, softness), erase);
      }
    }
    return this.#touch(box);
  }

  /** Lay a block of coverage (a byte a pixel, as wide as its box) over the mask. */
  lay(block, x, y, width, height, erase) {
    const box = this.#within(x, y, x + width, y + height);
    if (!box) return null;
    for (let j = box.y; j < box.y + box.height; j += 1) {
      for (let i = box.x; i < box.x + box.width; i += 1) {
        const value = block[(j - y) * width + i - x];
        if (value) this.#set(j * this.width + i, value, erase);
      }
    }
    return this.#touch(box);
  }

  /** Swap kept and changed everywhere: a step of its own. */
  invert() {
    this.#flip();
    this.#remember(this.#undo, { invert: true });
    this.#redo = [];
  }

  /** Keep everything again: a step of its own, when there was anything. */
  clear() {
    if (!this.sum) return false;
    this.begin();
    this.data.fill(0);
    this.sum = 0;
    this.#touch(this.#within(0, 0, this.width, this.height));
    this.#changed = true;
    return this.commit();
  }

  /** One step back; false when there is none. */
  undo() {
    return this.#swap(this.#undo, this.#redo);
  }
  /** One step forth again; false when there is none. */
  redo() {
    return this.#swap(this.#redo, this.#undo);
  }

  #swap(from, to) {
    const step = from.pop();
    if (!step) return false;
    if (step.invert) {
      this.#flip();
      this.#remember(to, step);
    } else {
      this.#remember(to, { ...step, bytes: pack(this.#cut(this.data, step)) });
      this.#paste(unpack(step.bytes, step.width * step.height), step);
    }
    return true;
  }

  #remember(steps, step) {
    steps.push(step);
    if (steps.length > STEPS) steps.shift();
  }

  #flip() {
    for (let i = 0; i < this.data.length; i += 1) this.data[i] = 255 - this.data[i];
    this.sum = 255 * this.data.length - this.sum;
  }

  #set(at, value, erase) {
    const was = this.data[at];
    const is = erase ? Math.min(was, 255 - value) : Math.max(was, value);
    if (is === was) return;
    this.data[at] = is;
    this.sum += is - was;
    this.#changed = true;
  }

  #within(left, top, right, bottom) {
    const x = clamp(left, 0, this.width);
    const y = clamp(top, 0, this.height);
    const width = clamp(right, 0, this.width) - x;
    const height = clamp(bottom, 0, this.height) - y;
    return width > 0 && height > 0 ? { x, y, width, height } : null;
  }

  #touch(box) {
    const all = this.#touched;
    if (all) {
      const x = Math.min(all.x, box.x);
      const y = Math.min(all.y, box.y);
      const right = Math.max(all.x + all.width, box.x + box.width);
      const bottom = Math.max(all.y + all.height, box.y + box.height);
      this.#touched = { x, y, width: right - x, height: bottom - y };
    } else {
      this.#touched = box;
    }
    return box;
  }

  #cut(data, { x, y, width, height }) {
    const out = new Uint8Array(width * height);
    for (let j = 0; j < height; j += 1) {
      const at = (y + j) * this.width + x;
      out.set(data.subarray(at, at + width), j * width);
    }
    return out;
  }

  #paste(block, { x, y, width, height }) {
    for (let j = 0; j < height; j += 1) {
      const at = (y + j) * this.width + x;
      for (let i = 0; i < width; i += 1) {
        this.sum += block[j * width + i] - this.data[at + i];
        this.data[at + i] = block[j * width + i];
      }
    }
  }
}

// What a brush of radius r leaves at a distance from its middle, 0 to 255; a hard one has an edge one pixel soft.
function cover(distance, r, softness) {
  const fade = Math.max(softness * r, 0.5);
  const k = softness > 0 ? (r - distance) / fade : r - distance + 0.5;
  if (k >= 1) return 255;
  if (k <= 0) return 0;
  return Math.round(255 * (softness > 0 ? k * k * (3 - 2 * k) : k));
}
