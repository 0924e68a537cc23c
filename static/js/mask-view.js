// What one sees: where the picture lies, the mask over it (tint, hatch, dashed edge), the ring and the line of a shape.

const MOST = 2_200_000;
const ROOM = 24;
const LARGEST = 16;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A colour of the stylesheet, in whatever notation, as [red, green, blue, alpha 0-1].
function colour(element, name) {
  const paper = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = paper.getContext("2d", { willReadFrequently: true });
  context.fillStyle = getComputedStyle(element).getPropertyValue(name).trim();
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

// One colour over another, both with alpha.
function over([r, g, b, a], [red, green, blue, alpha]) {
  const all = a + alpha * (1 - a);
  const mix = (top, under) => (all ? (top * a + under * alpha * (1 - a)) / all : 0);
  return [mix(r, red), mix(g, green), mix(b, blue), all];
}

// A pixel for each strength of the mask. Bytes of a canvas lie red first; all our machines are little-endian.
function shades([red, green, blue, alpha]) {
  return Uint32Array.from({ length: 256 }, (_, value) =>
    ((Math.round(alpha * value) << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0);
}

export class View {
  #frame = 0;
  #stale = null;
  #pixels = null;
  #ratio = 1;

  /** `stage` holds an image, a canvas, the ring and the two paths of a shape's line; `mask` is what it shows. */
  constructor(stage, image, mask, onDraw) {
    this.stage = stage;
    this.image = image;
    this.mask = mask;
    this.onDraw = onDraw;
    this.canvas = stage.querySelector("canvas");
    this.ring = stage.querySelector(".mask-ring");
    this.tools = stage.parentElement.querySelector(".mask-tools");
    this.lines = stage.querySelectorAll(".mask-line path");
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    /** Where the ring is, in pixels of the picture, and the points of a shape that is being drawn. */
    this.at = { x: mask.pictureWidth / 2, y: mask.pictureHeight / 2 };
    this.shape = [];
    this.size = 60;
    this.core = 1;
    const tint = colour(stage, "--mask-tint");
    this.tint = shades(tint);
    this.hatch = shades(over(colour(stage, "--mask-hatch"), tint));
    this.resize();
    this.fit();
  }

  /** The stage has another size: draw at its resolution, at most about two million pixels. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.#ratio = Math.min(devicePixelRatio || 1, Math.sqrt(MOST / Math.max(1, width * height)));
    this.canvas.width = Math.max(1, Math.round(width * this.#ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.#ratio));
    this.#pixels = null;
    this.stale();
  }

  // What is free for the picture: the stage without its rim and without the tools that lie on it.
  get #room() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const rim = Math.min(ROOM, width / 20);
    const tools = this.tools.getBoundingClientRect();
    const left = tools.width ? tools.right - this.stage.getBoundingClientRect().left + 16 : rim;
    return { left, top: rim, width: Math.max(1, width - left - rim), height: Math.max(1, height - 2 * rim) };
  }

  /** How near the whole picture is seen, in pixels of the screen for one of its own. */
  get fitting() {
    const room = this.#room;
    return clamp(Math.min(room.width / this.mask.pictureWidth, room.height / this.mask.pictureHeight), 0.001, 4);
  }

  /** The whole picture, in the middle. */
  fit() {
    const room = this.#room;
    this.zoom = this.fitting;
    this.x = room.left + (room.width - this.mask.pictureWidth * this.zoom) / 2;
    this.y = room.top + (room.height - this.mask.pictureHeight * this.zoom) / 2;
    this.stale();
  }

  /** Nearer or farther, so that what lies under a point of the stage stays there. */
  scale(factor, px = this.stage.clientWidth / 2, py = this.stage.clientHeight / 2) {
    const zoom = clamp(this.zoom * factor, Math.min(this.fitting, 1) / 2, LARGEST);
    this.x = px - ((px - this.x) * zoom) / this.zoom;
    this.y = py - ((py - this.y) * zoom) / this.zoom;
    this.zoom = zoom;
    this.pan(0, 0);
  }

  /** Move the picture by pixels of the stage; a corner of it always stays in sight. */
  pan(dx, dy) {
    const [width, height] = [this.mask.pictureWidth * this.zoom, this.mask.pictureHeight * this.zoom];
    const seen = 48;
    this.x = clamp(this.x + dx, seen - width, this.stage.clientWidth - seen);
    this.y = clamp(this.y + dy, seen - height, this.stage.clientHeight - seen);
    this.stale();
  }

  /** A point of the stage in pixels of the picture. */
  toPicture(px, py) {
    return { x: (px - this.x) / this.zoom, y: (py - this.y) / this.zoom };
  }

  /** A point of the picture on the mask's own grid, with the radius of a brush so many pixels of the screen wide. */
  toMask(point, size = 0) {
    const scale = this.mask.width / this.mask.pictureWidth;
    return {
      x: point.x * scale, y: (point.y * this.mask.height) / this.mask.pictureHeight, r: (size / 2 / this.zoom) * scale,
    };
  }

  /** Put the ring there (pixels of the picture) and, when it is led by keys, keep it in sight. */
  lead(x, y, follow = false) {
    this.at = { x: clamp(x, 0, this.mask.pictureWidth), y: clamp(y, 0, this.mask.pictureHeight) };
    if (follow) {
      const px = this.at.x * this.zoom + this.x;
      const py = this.at.y * this.zoom + this.y;
      const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
      const dx = px < ROOM ? ROOM - px : Math.min(0, width - ROOM - px);
      const dy = py < ROOM ? ROOM - py : Math.min(0, height - ROOM - py);
      if (dx || dy) this.pan(dx, dy);
    }
    this.stale(null);
  }

  /** Something is to be drawn anew: a box of the mask, nothing but the ring (null), or all of it. */
  stale(box) {
    if (box === undefined) this.#stale = "all";
    else if (box && this.#stale !== "all") this.#stale = this.#stale ? union(this.#stale, box) : box;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = -1;
  }

  draw() {
    if (this.#stale === "all") {
      this.image.style.width = `${this.mask.pictureWidth * this.zoom}px`;
      this.image.style.height = `${this.mask.pictureHeight * this.zoom}px`;
      this.image.style.transform = `translate(${this.x}px, ${this.y}px)`;
      this.image.classList.toggle("near", this.zoom > 3);
      this.#over({ left: 0, top: 0, right: this.canvas.width, bottom: this.canvas.height });
    } else if (this.#stale) {
      this.#over(this.#screen(this.#stale));
    }
    this.#stale = null;
    const px = this.at.x * this.zoom + this.x;
    const py = this.at.y * this.zoom + this.y;
    this.ring.style.setProperty("--size", `${this.size}px`);
    this.ring.style.setProperty("--core", String(this.core));
    this.ring.style.transform = `translate(${px}px, ${py}px) translate(-50%, -50%)`;
    const line = this.shape.map((p, i) => `${i ? "L" : "M"}${(p.x * this.zoom + this.x).toFixed(1)} ${(p.y * this.zoom + this.y).toFixed(1)}`);
    for (const path of this.lines) path.setAttribute("d", line.length > 1 ? `${line.join("")}Z` : line.length ? `${line[0]}h1` : "");
    this.onDraw();
  }

  // The canvas pixels that a box of the mask covers, with room for its edge.
  #screen({ x, y, width, height }) {
    const across = (this.zoom * this.mask.pictureWidth * this.#ratio) / this.mask.width;
    const down = (this.zoom * this.mask.pictureHeight * this.#ratio) / this.mask.height;
    const room = 5 * this.#ratio + 1;
    return {
      left: clamp(Math.floor(this.x * this.#ratio + x * across - room), 0, this.canvas.width),
      top: clamp(Math.floor(this.y * this.#ratio + y * down - room), 0, this.canvas.height),
      right: clamp(Math.ceil(this.x * this.#ratio + (x + width) * across + room), 0, this.canvas.width),
      bottom: clamp(Math.ceil(this.y * this.#ratio + (y + height) * down + room), 0, this.canvas.height),
    };
  }

  // For each canvas pixel from `first` on along one side: the place on the mask, or -1 beside the picture.
  #places(first, count, origin, picture, grid) {
    const out = new Int32Array(count);
    for (let i = 0; i < count; i += 1) {
      const at = Math.floor((((first + i + 0.5) / this.#ratio - origin) / this.zoom) * (grid / picture));
      out[i] = at >= 0 && at < grid ? at : -1;
    }
    return out;
  }

  #over({ left, top, right, bottom }) {
    const [width, height] = [right - left, bottom - top];
    if (width <= 0 || height <= 0) return;
    const context = this.canvas.getContext("2d");
    const whole = width === this.canvas.width && height === this.canvas.height;
    const pixels = whole ? (this.#pixels ??= context.createImageData(width, height)) : context.createImageData(width, height);
    const out = new Uint32Array(pixels.data.buffer);
    if (whole) out.fill(0);
    // Lines keep their place on the picture, so that nothing crawls when it is moved.
    const originX = Math.round(this.x * this.#ratio) - left;
    const originY = Math.round(this.y * this.#ratio) - top;
    const edge = Math.max(1, Math.round(2 * this.#ratio));
    const far = 2 * edge;
    const { data, width: grid } = this.mask;
    const columns = this.#places(left - far, width + 2 * far, this.x, this.mask.pictureWidth, grid);
    const rows = this.#places(top - far, height + 2 * far, this.y, this.mask.pictureHeight, this.mask.height);
    const painted = (i, j) => columns[i] >= 0 && rows[j] >= 0 && data[rows[j] * grid + columns[i]] >= 128;
    const period = Math.max(4, Math.round(12 * this.#ratio));
    const stripe = Math.max(1, Math.round(period * 0.3));
    const dash = 6 * this.#ratio;
    const turn = period * 100_000;
    for (let j = 0; j < height; j += 1) {
      const row = rows[j + far];
      if (row < 0) continue;
      for (let i = 0; i < width; i += 1) {
        const column = columns[i + far];
        const value = column < 0 ? 0 : data[row * grid + column];
        if (!value) continue;
        const at = j * width + i;
        const [x, y] = [i - originX, j - originY];
        out[at] = ((x + y + turn) % period < stripe ? this.hatch : this.tint)[value];
        if (value < 128) continue;
        const [a, b] = [i + far, j + far];
        if (painted(a - edge, b) && painted(a + edge, b) && painted(a, b - edge) && painted(a, b + edge)) continue;
        out[at] = Math.floor(along(painted, a, b, far, x, y) / dash) & 1 ? 0xffffffff : 0xff000000;
      }
    }
    context.putImageData(pixels, left, top);
  }
}

// How far a point of the edge lies along it: the way runs at right angles to where the mask ends.
function along(painted, a, b, far, x, y) {
  const across = painted(a + far, b) - painted(a - far, b);
  const down = painted(a, b + far) - painted(a, b - far);
  if (across && down) return across === down ? (x - y) * Math.SQRT1_2 : (x + y) * Math.SQRT1_2;
  return across ? y : x;
}

function union(one, other) {
  const x = Math.min(one.x, other.x);
  const y = Math.min(one.y, other.y);
  return {
    x, y, width: Math.max(one.x + one.width, other.x + other.width) - x,
    height: Math.max(one.y + one.height, other.y + other.height) - y,
  };
}
