// Areas that are painted at once: rectangles, lassos and runs of one colour. Each is a block of coverage for Mask.lay.

/** A rectangle as a block; its sides may lie anywhere, `lay` cuts them. */
export function rectangle(mask, left, top, right, bottom) {
  const x = Math.max(0, Math.round(Math.min(left, right)));
  const y = Math.max(0, Math.round(Math.min(top, bottom)));
  const width = Math.min(mask.width, Math.round(Math.max(left, right))) - x;
  const height = Math.min(mask.height, Math.round(Math.max(top, bottom))) - y;
  return width > 0 && height > 0 ? { x, y, width, height, block: new Uint8Array(width * height).fill(255) } : null;
}

/** The inside of a closed line through points `{x, y}`, with smooth edges. */
export function polygon(mask, points) {
  const x = Math.max(0, Math.floor(Math.min(...points.map((p) => p.x))));
  const y = Math.max(0, Math.floor(Math.min(...points.map((p) => p.y))));
  const width = Math.min(mask.width, Math.ceil(Math.max(...points.map((p) => p.x)))) - x;
  const height = Math.min(mask.height, Math.ceil(Math.max(...points.map((p) => p.y)))) - y;
  if (points.length < 3 || width <= 0 || height <= 0) return null;
  const paper = Object.assign(document.createElement("canvas"), { width, height });
  const context = paper.getContext("2d", { willReadFrequently: true });
  context.beginPath();
  for (const point of points) context.lineTo(point.x - x, point.y - y);
  context.fill();
  const pixels = context.getImageData(0, 0, width, height).data;
  const block = new Uint8Array(width * height);
  for (let i = 0; i < block.length; i += 1) block[i] = pixels[4 * i + 3];
  return { x, y, width, height, block };
}

/** The picture's own colours at the size of the mask; throws where the browser keeps them from us. */
export function colours(mask, image) {
  const paper = Object.assign(document.createElement("canvas"), { width: mask.width, height: mask.height });
  const context = paper.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, mask.width, mask.height);
  return context.getImageData(0, 0, mask.width, mask.height).data;
}

/**
 * What hangs together with a point: pixels whose colour is near the point's, up to what is painted already (when
 * erasing: up to what is not). `tolerance` 0 to 1 is how far red, green or blue may differ; with 1 only the mask bounds.
 */
export function run(mask, pixels, x, y, tolerance, erase) {
  const { width, height, data } = mask;
  const start = Math.floor(y) * width + Math.floor(x);
  const most = Math.round(tolerance * 255);
  const [red, green, blue] = pixels.subarray(4 * start, 4 * start + 3);
  const block = new Uint8Array(width * height);
  const open = (at) =>
    block[at] === 0 && data[at] >= 128 === erase && Math.abs(pixels[4 * at] - red) <= most &&
    Math.abs(pixels[4 * at + 1] - green) <= most && Math.abs(pixels[4 * at + 2] - blue) <= most;
  if (!open(start)) return null;
  const todo = [start];
  while (todo.length) {
    const at = todo.pop();
    const row = at - (at % width);
    let left = at;
    while (left > row && open(left - 1)) left -= 1;
    for (let i = left, above = false, below = false; i < row + width && open(i); i += 1) {
      block[i] = 255;
      const up = i >= width && open(i - width);
      const down = i + width < block.length && open(i + width);
      // One seed for each unbroken piece of the rows above and below.
      if (up && !above) todo.push(i - width);
      if (down && !below) todo.push(i + width);
      above = up;
      below = down;
    }
  }
  return { x: 0, y: 0, width, height, block };
}
