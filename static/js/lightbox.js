// A picture alone: edge to edge, real size at a click, dragged and pinched, its neighbours by arrow or swipe.

import "./undo.js";

const box = document.getElementById("lightbox");
const opener = document.querySelector("[data-full]");
const print = document.querySelector(".stage .print");
const STILL_MS = 2000;
const MOST = 8;

function neighbours() {
  const near = [...document.querySelectorAll(".neighbours a[data-picture]")].map((link) => ({
    href: link.href,
    picture: link.dataset.picture,
    film: link.dataset.film === "1",
    alt: link.querySelector("img")?.alt ?? "",
    here: link.hasAttribute("aria-current"),
    clear: link.style.getPropertyValue("--fill") !== "",
  }));
  if (near.length) return near;
  const picture = print?.querySelector("img");
  return [{ href: location.href, picture: opener.href, film: Boolean(print?.querySelector("video")), alt: picture?.alt ?? "", here: true, clear: print.style.getPropertyValue("--fill") !== "" }];
}

if (box && opener && print) start();

function start() {
  const near = neighbours();
  const home = Math.max(0, near.findIndex((one) => one.here));
  const view = box.querySelector("[data-view]");
  const place = box.querySelector("[data-at]");
  const preloaded = new Map();
  let at = home;
  let shown = null;
  let scale = 1;
  let x = 0;
  let y = 0;
  let stillness = 0;

  function preload(index) {
    const one = near[index];
    if (!one || one.film || preloaded.has(index)) return;
    const image = new Image();
    image.decoding = "async";
    image.src = one.picture;
    preloaded.set(index, image);
  }

  function show(index) {
    const one = near[index];
    if (!one) return;
    at = index;
    view.replaceChildren();
    reset();
    if (one.film) {
      shown = Object.assign(document.createElement("video"), { src: one.picture, controls: true, muted: true, loop: true, playsInline: true });
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) shown.autoplay = true;
      shown.setAttribute("aria-label", one.alt);
    } else {
      shown = Object.assign(document.createElement("img"), { src: one.picture, alt: one.alt, draggable: false });
      shown.classList.toggle("clear", one.clear);
    }
    view.append(shown);
    place.textContent = near.length > 1 ? `${index + 1} / ${near.length}` : "";
    box.querySelector('[data-go="-1"]').disabled = index === 0;
    box.querySelector('[data-go="1"]').disabled = index === near.length - 1;
    box.querySelector("[data-zoom]").disabled = one.film;
    preload(index + 1);
    preload(index - 1);
  }

  // -- Zoom: `scale` is of the fitted picture; x and y move its corner ---------------------------------------

  function reset() {
    [scale, x, y] = [1, 0, 0];
    view.classList.remove("zoomed");
    if (shown) shown.style.transform = "";
  }
  function realScale() {
    return shown instanceof HTMLImageElement && shown.clientWidth ? Math.max(1.0001, shown.naturalWidth / devicePixelRatio / shown.clientWidth) : 1;
  }
  function limits() {
    // At least a third of the window is always covered, so that it cannot be lost.
    const fit = { left: (innerWidth - shown.clientWidth) / 2, top: (innerHeight - shown.clientHeight) / 2 };
    const wide = shown.clientWidth * scale;
    const high = shown.clientHeight * scale;
    const hold = (value, offset, size, room) => (size <= room ? (room - size) / 2 - offset : Math.min(-offset, Math.max(room - size - offset, value)));
    x = hold(x, fit.left, wide, innerWidth);
    y = hold(y, fit.top, high, innerHeight);
  }
  function apply() {
    if (scale <= 1.0001) {
      reset();
      return;
    }
    limits();
    view.classList.add("zoomed");
    shown.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }
  function zoomTo(next, clientX, clientY) {
    if (!(shown instanceof HTMLImageElement)) return;
    const bounded = Math.min(Math.max(1, next), Math.max(MOST, realScale()));
    const left = (innerWidth - shown.clientWidth) / 2;
    const top = (innerHeight - shown.clientHeight) / 2;
    x = clientX - left - ((clientX - left - x) * bounded) / scale;
    y = clientY - top - ((clientY - top - y) * bounded) / scale;
    scale = bounded;
    apply();
  }
  function toggle(clientX = innerWidth / 2, clientY = innerHeight / 2) {
    if (scale > 1.0001) reset();
    else zoomTo(realScale() > 1.05 ? realScale() : 2, clientX, clientY);
  }

  // -- Pointers: drag, pinch, swipe, click --------------------------------------------------------------------------

  const down = new Map();
  let moved = 0;
  let from = null;
  let spread = 0;
  view.addEventListener("pointerdown", (event) => {
    if (event.target instanceof HTMLVideoElement || event.button > 0) return;
    view.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    if (down.size === 1) {
      moved = 0;
      from = { x: event.clientX, y: event.clientY, panX: x, panY: y, touch: event.pointerType === "touch" };
    }
    if (down.size === 2) spread = distance();
  });
  function distance() {
    const [one, two] = [...down.values()];
    return Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
  }
  view.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    down.set(event.pointerId, event);
    if (down.size === 2) {
      const [one, two] = [...down.values()];
      const now = distance();
      if (spread) zoomTo((scale * now) / spread, (one.clientX + two.clientX) / 2, (one.clientY + two.clientY) / 2);
      spread = now;
      moved = Infinity;
    } else if (from) {
      moved = Math.max(moved, Math.hypot(event.clientX - from.x, event.clientY - from.y));
      if (scale > 1.0001) {
        view.classList.add("held");
        x = from.panX + event.clientX - from.x;
        y = from.panY + event.clientY - from.y;
        apply();
      }
    }
  });
  function up(event) {
    if (!down.delete(event.pointerId)) return;
    view.classList.remove("held");
    if (down.size) {
      const rest = [...down.values()][0];
      from = { x: rest.clientX, y: rest.clientY, panX: x, panY: y, touch: true };
      return;
    }
    if (event.type === "pointercancel" || !from) return;
    const aside = event.clientX - from.x;
    const along = event.clientY - from.y;
    if (moved < 6) {
      if (event.target instanceof HTMLImageElement || shown === document.elementFromPoint(event.clientX, event.clientY)) toggle(event.clientX, event.clientY);
      else box.close();
    } else if (scale <= 1.0001 && from.touch && Math.abs(aside) > 60 && Math.abs(aside) > 2 * Math.abs(along)) go(aside > 0 ? -1 : 1);
    from = null;
  }
  view.addEventListener("pointerup", up);
  view.addEventListener("pointercancel", up);
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(scale * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });

  // -- Ways through ------------------------------------------------------------------------------------------------------

  function go(way) {
    if (near[at + way]) show(at + way);
    else if (at !== home && near[at]) leave();
  }
  function leave() {
    // Beyond what this page knows, the page of the last one knows more.
    location.assign(`${near[at].href}#view`);
  }
  function whole() {
    if (document.fullscreenElement) document.exitFullscreen();
    else box.requestFullscreen?.().catch(() => {});
  }
  function open() {
    if (box.open) return;
    show(home);
    box.showModal();
    stir();
  }
  function stir() {
    box.classList.remove("quiet");
    clearTimeout(stillness);
    stillness = setTimeout(() => box.classList.add("quiet"), STILL_MS);
  }

  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  if (print.hasAttribute("data-light")) print.addEventListener("click", open);
  document.querySelector("[data-whole]")?.addEventListener("click", () => {
    open();
    whole();
  });
  box.querySelector("[data-zoom]").addEventListener("click", () => toggle());
  box.querySelector("[data-fill]").addEventListener("click", whole);
  for (const button of box.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(Number(button.dataset.go)));
  box.addEventListener("pointermove", stir);
  box.addEventListener("keydown", (event) => {
    stir();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLVideoElement) return;
    const step = 80;
    const zoomed = scale > 1.0001;
    const keys = {
      ArrowLeft: () => (zoomed ? ((x += step), apply()) : go(-1)),
      ArrowRight: () => (zoomed ? ((x -= step), apply()) : go(1)),
      ArrowUp: () => zoomed && ((y += step), apply()),
      ArrowDown: () => zoomed && ((y -= step), apply()),
      z: () => toggle(),
      f: whole,
      "+": () => zoomTo(scale * 1.4, innerWidth / 2, innerHeight / 2),
      "-": () => zoomTo(scale / 1.4, innerWidth / 2, innerHeight / 2),
      0: reset,
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!keys[key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[key]();
  });
  box.addEventListener("close", () => {
    clearTimeout(stillness);
    view.replaceChildren();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    // What was looked at last is what the page is about.
    if (at !== home) location.assign(near[at].href);
  });
  addEventListener("resize", () => box.open && reset());

  if (location.hash === "#view") {
    history.replaceState(null, "", location.pathname + location.search);
    open();
  }
  // Neighbours are there before they are asked for, once the picture itself is.
  addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(() => [home + 1, home - 1].forEach(preload)));
}
