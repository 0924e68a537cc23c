// The mask as a file and as a draft: PNG at the picture's own size, masks read back, drafts in the tab's own storage.

import { pack, unpack } from "./mask-canvas.js";

const PLACE = "darkroom-mask:";
const DRAFTS = 4;
const LARGEST = 1_000_000;
const BREATH = 12;

const table = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function chunk(name, body) {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i += 1) out[4 + i] = name.charCodeAt(i);
  out.set(body, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < 8 + body.length; i += 1) crc = table[(crc ^ out[i]) & 255] ^ (crc >>> 8);
  view.setUint32(8 + body.length, (crc ^ 0xffffffff) >>> 0);
  return out;
}

// A turn of the event loop that a hidden tab does not put off by a second, as it does with timers.
function breathe() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

// Where along one side of the mask each pixel of the picture lies: the neighbour before it, and how far to the next in 256ths.
function places(from, to) {
  const first = new Uint32Array(to);
  const share = new Uint16Array(to);
  for (let i = 0; i < to; i += 1) {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    first[i] = Math.min(Math.floor(at), Math.max(0, from - 2));
    share[i] = Math.round((at - first[i]) * 256);
  }
  return { first, share };
}

// One row of the picture's size, between two rows of the mask; a PNG row begins with the number of its filter, none.
function enlarge(mask, across, down, y, out, at) {
  const top = down.first[y] * mask.width;
  const bottom = Math.min(top + mask.width, mask.data.length - mask.width);
  const low = down.share[y];
  const column = new Uint16Array(mask.width + 1);
  for (let i = 0; i < mask.width; i += 1) column[i] = mask.data[top + i] * (256 - low) + mask.data[bottom + i] * low;
  column[mask.width] = column[mask.width - 1];
  for (let i = 0; i < mask.pictureWidth; i += 1) {
    const from = across.first[i];
    out[at + 1 + i] = (column[from] * (256 - across.share[i]) + column[from + 1] * across.share[i] + 32768) >> 16;
  }
}

/** The mask as an 8-bit grey PNG of the picture's own size: white is to change, black to keep. */
export async function png(mask) {
  const { pictureWidth: width, pictureHeight: height } = mask;
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head[8] = 8;
  const deflate = new CompressionStream("deflate");
  const packed = new Response(deflate.readable).arrayBuffer();
  const writer = deflate.writable.getWriter();
  const [across, down] = [places(mask.width, width), places(mask.height, height)];
  const rows = Math.max(1, Math.floor(262_144 / (width + 1)));
  let since = performance.now();
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    const out = new Uint8Array(count * (width + 1));
    for (let j = 0; j < count; j += 1) enlarge(mask, across, down, y + j, out, j * (width + 1));
    await writer.write(out);
    if (performance.now() - since > BREATH) {
      await breathe();
      since = performance.now();
    }
  }
  await writer.close();
  const sign = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  const body = new Uint8Array(await packed);
  return new Blob([sign, chunk("IHDR", head), chunk("IDAT", body), chunk("IEND", new Uint8Array())], { type: "image/png" });
}

/** A picture, loaded and decoded. */
export async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** Read a mask from a picture of any size: as much as it is light, that much is painted. */
export async function read(mask, url) {
  const image = await picture(url);
  const paper = Object.assign(document.createElement("canvas"), { width: mask.width, height: mask.height });
  const context = paper.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, mask.width, mask.height);
  const pixels = context.getImageData(0, 0, mask.width, mask.height).data;
  const data = new Uint8Array(mask.data.length);
  for (let i = 0; i < data.length; i += 1) {
    const light = 0.299 * pixels[4 * i] + 0.587 * pixels[4 * i + 1] + 0.114 * pixels[4 * i + 2];
    data[i] = Math.round((light * pixels[4 * i + 3]) / 255);
  }
  mask.load(data);
}

// Half as wide and high, for a draft that would be too large: every second pixel of every second row.
function halved({ width, height, data }) {
  const small = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  small.data = new Uint8Array(small.width * small.height);
  for (let j = 0; j < small.height; j += 1) {
    for (let i = 0; i < small.width; i += 1) small.data[j * small.width + i] = data[2 * j * width + 2 * i];
  }
  return small;
}

function text(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(out);
}

// A signed address changes with every page; the picture behind it is named by what stands before the question mark.
const named = (url) => url.split("?")[0];

/** Keep the mask in this tab's storage; `source` says of which picture it is and on which earlier mask it was begun. */
export function keep(key, mask, source) {
  if (!key) return;
  let grid = mask;
  let bytes = text(pack(grid.data));
  while (bytes.length > LARGEST) {
    grid = halved(grid);
    bytes = text(pack(grid.data));
  }
  const draft = {
    picture: named(source.imageUrl), base: named(source.maskUrl), at: Date.now(),
    size: [mask.pictureWidth, mask.pictureHeight], grid: [grid.width, grid.height], bytes,
  };
  try {
    forget(key);
    for (const old of drafts().slice(DRAFTS - 1)) sessionStorage.removeItem(old);
    sessionStorage.setItem(PLACE + key, JSON.stringify(draft));
  } catch {
    // A full or forbidden storage costs the draft, never the work at hand.
  }
}

export function forget(key) {
  sessionStorage.removeItem(PLACE + key);
}

// Our drafts in the storage, newest first.
function drafts() {
  const found = [];
  for (let i = 0; i < sessionStorage.length; i += 1) {
    const name = sessionStorage.key(i);
    if (name.startsWith(PLACE)) found.push([parsed(name)?.at ?? 0, name]);
  }
  return found.sort((a, b) => b[0] - a[0]).map(([, name]) => name);
}

function parsed(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Load the draft that fits this picture and the mask it had; false when there is none. */
export function recall(key, mask, source) {
  const draft = key ? parsed(PLACE + key) : null;
  const fits = draft && draft.picture === named(source.imageUrl) && draft.base === named(source.maskUrl) &&
    draft.size?.[0] === mask.pictureWidth && draft.size?.[1] === mask.pictureHeight;
  if (!fits) return false;
  const [width, height] = draft.grid;
  if (!(width > 0 && height > 0 && width <= mask.width && height <= mask.height)) return false;
  let bytes;
  try {
    bytes = unpack(Uint8Array.from(atob(draft.bytes), (letter) => letter.charCodeAt(0)), width * height);
  } catch {
    return false;
  }
  if (!bytes) return false;
  const data = new Uint8Array(mask.data.length);
  for (let j = 0; j < mask.height; j += 1) {
    const row = Math.min(height - 1, Math.floor((j * height) / mask.height)) * width;
    for (let i = 0; i < mask.width; i += 1) data[j * mask.width + i] = bytes[row + Math.min(width - 1, Math.floor((i * width) / mask.width))];
  }
  mask.load(data);
  return true;
}
