// Justified rows laid out in the page, as gallery/items/justified_rows.py does on the server: where pictures come, go or change size.

const GAPS = [[1600, 8], [840, 6], [600, 4], [0, 3]];
const CLASSES = [[1600, 232], [1150, 196], [840, 185], [600, 160], [440, 140], [0, 120]];
const USUAL = 196;

// How high rows should be in a container of this width, where `size` is the wish for usual desktops.
function targetFor(width, size) {
  const [, target] = CLASSES.find(([from]) => width >= from);
  return Math.max(48, Math.round((target * size) / USUAL));
}

function bestEnds(ratios, width, gap, target, more) {
  const count = ratios.length;
  const costs = [0];
  const starts = [0];
  for (let end = 1; end <= count; end += 1) {
    let total = 0;
    costs[end] = Infinity;
    for (let start = end - 1; start >= 0; start -= 1) {
      total += ratios[start];
      const height = (width - gap * (end - start - 1)) / total;
      const free = end === count && !more && height > target;
      const cost = costs[start] + (free ? 0 : Math.log(height / target) ** 2);
      if (cost < costs[end]) [costs[end], starts[end]] = [cost, start];
      if (height < target / 3) break;
    }
  }
  const ends = [];
  for (let end = count; end; end = starts[end]) ends.unshift(end);
  return ends;
}

// Lay out these groups anew; `size` as the slider gives it. The width is read once: each read after a change would have
// the browser lay out everything.
export function layOut(groups, size) {
  const all = [...groups];
  const width = all.find((rows) => rows.clientWidth)?.clientWidth;
  if (width) for (const rows of all) layOutOne(rows, width, size);
}

function layOutOne(rows, width, size) {
  const cells = [...rows.children].filter((one) => one.classList.contains("cell"));
  if (!cells.length) return;
  const gap = GAPS.find(([from]) => width >= from)[1];
  const target = targetFor(width, size);
  const ratios = cells.map((cell) => Number(cell.style.getPropertyValue("--r")) || 1);
  const more = rows.hasAttribute("data-more");
  const ends = bestEnds(ratios, width, gap, target, more);
  for (const old of rows.querySelectorAll(".break")) old.remove();
  let start = 0;
  let high = gap * (ends.length - 1);
  for (const end of ends) {
    const total = ratios.slice(start, end).reduce((sum, one) => sum + one, 0);
    const row = (width - gap * (end - start - 1)) / total;
    if (end < ratios.length) {
      const stop = document.createElement("span");
      stop.className = "break on";
      cells[end - 1].after(stop);
      high += row;
    } else {
      // The last row: kept full where more follows, else filled until it is as low as the others.
      const short = row > target * (more ? 1.6 : 1.15);
      const filler = short ? Math.max(0, (width - gap * (end - start)) / target - total) : 0;
      rows.querySelector(".fill")?.style.setProperty("--f", filler.toFixed(3));
      high += short ? target : row;
    }
    start = end;
  }
  rows.classList.add("laid");
  for (let index = 0; index < 6; index += 1) rows.style.setProperty(`--h${index}`, `${Math.round(high)}px`);
}
