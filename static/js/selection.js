// Choosing pictures with mouse and keyboard, and what is done with the chosen ones.

import { sayFailed } from "./request-errors.js";

const root = document.documentElement;
const quiet = () => localStorage.getItem("keys") === "off";
const MANY_NEAR = 60;

const words = (name) => document.querySelector(`[data-words-${name}]`)?.textContent ?? "#";

export function sized(bytes, lang) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let step = 0;
  let number = bytes;
  while (number >= 1024 && step < units.length - 1) [number, step] = [number / 1024, step + 1];
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[step], maximumFractionDigits: step < 2 ? 0 : 1 }).format(number);
}

export function toast(text, undo) {
  const made = document.getElementById("toast-done")?.content.firstElementChild?.cloneNode(true);
  const place = document.getElementById("toasts");
  if (!made || !place) return;
  if (text) made.querySelector("[data-words]").textContent = text;
  const button = made.querySelector("[data-undo]");
  if (undo && button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      made.remove();
      undo();
    });
  }
  place.append(made);
  const old = place.querySelectorAll(".toast");
  for (let index = 0; index < old.length - 3; index += 1) old[index].remove();
  const wait = () => setTimeout(() => (made.matches(":hover, :focus-within") ? wait() : made.remove()), 6000);
  wait();
}

export class Picks {
  constructor(page, list, relay) {
    this.page = page;
    this.list = list;
    this.relay = relay;
    this.form = document.querySelector("[data-picks]");
    this.lang = root.lang || "en";
    this.chosen = new Map();
    this.anchor = null;
    this.base = new Set();
    this.all = null;
    this.cells = [];
    this.at = null;
    this.refresh();
    list.addEventListener("click", (event) => this.clicked(event));
    list.addEventListener("change", (event) => this.changed(event));
    list.addEventListener("focusin", (event) => this.focused(event));
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => this.submitted(event));
    this.form.addEventListener("keydown", (event) => this.entered(event));
    this.form.querySelector("[data-clear]")?.addEventListener("click", () => this.clear());
    this.form.querySelector("[data-everything]")?.addEventListener("click", () => this.takeAll());
    const collection = this.form.querySelector("[name=collection]");
    const fresh = this.form.querySelector("[data-new-collection]");
    if (collection && fresh) {
      const show = () => (fresh.hidden = collection.value !== "");
      collection.addEventListener("change", show);
      show();
    }
  }

  // The cells as they stand now. One of them is reached by Tab; arrows lead to the others.
  refresh() {
    this.cells = [...this.list.querySelectorAll(".cell:not([hidden])")];
    this.place = new Map(this.cells.map((cell, index) => [cell, index]));
    for (const cell of this.cells) {
      if (cell.dataset.ready) continue;
      cell.dataset.ready = "1";
      const box = cell.querySelector(".pick input");
      cell.dataset.id = box.value;
      box.removeAttribute("name");
      const link = cell.querySelector("a.tile");
      if (link) box.tabIndex = -1;
      (link ?? box).tabIndex = -1;
      if (this.chosen.has(cell.dataset.id)) this.mark(cell, true);
    }
    if (!this.at || !this.place.has(this.at)) this.tabTo(this.cells[0]);
  }

  target(cell) {
    return cell?.querySelector("a.tile") ?? cell?.querySelector(".pick input");
  }

  tabTo(cell) {
    if (this.at && this.at !== cell) this.target(this.at)?.setAttribute("tabindex", "-1");
    this.at = cell ?? null;
    if (cell) this.target(cell).tabIndex = 0;
  }

  focused(event) {
    const cell = event.target.closest(".cell");
    if (cell && this.place.has(cell)) this.tabTo(cell);
  }

  go(cell) {
    if (!cell) return;
    this.tabTo(cell);
    const target = this.target(cell);
    target.focus({ preventScroll: true });
    const box = cell.getBoundingClientRect();
    const top = 76;
    const foot = innerHeight - (this.chosen.size ? 104 : 24);
    if (box.top < top) scrollBy(0, box.top - top);
    else if (box.bottom > foot) scrollBy(0, Math.min(box.bottom - foot, box.top - top));
  }

  // -- What is chosen ----------------------------------------------------------------------------------------

  mark(cell, on) {
    cell.classList.toggle("picked", on);
    cell.querySelector(".pick input").checked = on;
  }

  set(cell, on) {
    if (on === this.chosen.has(cell.dataset.id)) return;
    if (on) this.chosen.set(cell.dataset.id, cell);
    else this.chosen.delete(cell.dataset.id);
    this.mark(cell, on);
  }

  toggle(cell) {
    this.set(cell, !this.chosen.has(cell.dataset.id));
    this.rest(cell);
    this.show();
  }

  // From here a range begins; what is chosen now stays beside it.
  rest(cell) {
    this.anchor = cell;
    this.base = new Set(this.chosen.values());
  }

  extend(cell) {
    if (!this.anchor || !this.place.has(this.anchor)) {
      this.rest(this.at ?? cell);
    }
    const ends = [this.place.get(this.anchor), this.place.get(cell)].sort((a, b) => a - b);
    const range = new Set(this.cells.slice(ends[0], ends[1] + 1));
    for (const one of [...this.chosen.values()]) if (!range.has(one) && !this.base.has(one)) this.set(one, false);
    for (const one of range) this.set(one, true);
    this.show();
  }

  clear() {
    const back = this.form.contains(document.activeElement);
    for (const cell of [...this.chosen.values()]) this.set(cell, false);
    this.anchor = null;
    this.base = new Set();
    this.show();
    if (back) this.go(this.at);
  }

  everything() {
    for (const cell of this.cells) this.set(cell, true);
    this.rest(this.at ?? this.cells[0]);
    this.show();
    this.offerAll();
  }

  show() {
    this.all = null;
    this.form.querySelector("[data-everything]")?.setAttribute("hidden", "");
    this.tell();
  }

  tell() {
    const count = this.all?.count ?? this.chosen.size;
    const bytes = this.all?.bytes ?? [...this.chosen.values()].reduce((sum, cell) => sum + Number(cell.dataset.bytes), 0);
    const said = this.all?.words ?? count.toLocaleString(this.lang);
    this.form.classList.toggle("up", count > 0);
    this.list.classList.toggle("picking", count > 0);
    this.form.querySelector("[data-picked]").textContent = words("picked").replace("#", said);
    const size = this.form.querySelector("[data-picked-size]");
    if (size) size.textContent = count ? sized(bytes, this.lang) : "";
    const use = this.form.querySelector("[data-use]");
    if (use) {
      use.hidden = count !== 1 || Boolean(this.all);
      if (!use.hidden) use.href = `${use.dataset.use}${[...this.chosen.keys()][0]}`;
    }
    const erase = this.form.querySelector("[data-erase-title]");
    if (erase) erase.textContent = words(count === 1 ? "erase-one" : "erase").replace("#", said);
  }

  // Where more matches than is loaded, all of it may be meant.
  async offerAll() {
    const button = this.form.querySelector("[data-everything]");
    if (!button || !this.page.dataset.measured || !this.list.querySelector("[data-older]")) return;
    try {
      const answer = await fetch(`${this.page.dataset.measured}?${this.page.dataset.query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || !this.chosen.size) return;
      this.measure = await answer.json();
      button.textContent = words("all").replace("#", this.measure.words);
      button.hidden = this.measure.count <= this.chosen.size;
    } catch {
      // The loaded ones are chosen; that is what was asked for first.
    }
  }

  takeAll() {
    this.all = this.measure;
    this.form.querySelector("[data-everything]").hidden = true;
    this.tell();
    this.form.querySelector(".picks-bar .button:not([hidden])").focus();
  }

  // -- Mouse ------------------------------------------------------------------------------------------------------

  clicked(event) {
    const cell = event.target.closest(".cell");
    if (!cell || !this.place.has(cell)) return;
    const circle = event.target.closest(".pick");
    const link = event.target.closest("a.tile");
    if (event.target.matches("input")) {
      // A box tells by itself that it changed; with Shift it ends a range.
      if (event.shiftKey && this.anchor) {
        event.preventDefault();
        setTimeout(() => this.extend(cell));
      }
      return;
    }
    if (event.shiftKey && (link || circle)) {
      event.preventDefault();
      getSelection()?.removeAllRanges();
      if (this.chosen.size || this.anchor) this.extend(cell);
      else this.toggle(cell);
      this.tabTo(cell);
    } else if (link && (event.ctrlKey || event.metaKey) && this.chosen.size) {
      event.preventDefault();
      this.toggle(cell);
    }
  }

  changed(event) {
    const cell = event.target.closest(".cell");
    if (!cell || !event.target.matches(".pick input")) return;
    const on = event.target.checked;
    if (on) this.chosen.set(cell.dataset.id, cell);
    else this.chosen.delete(cell.dataset.id);
    this.mark(cell, on);
    this.rest(cell);
    this.tabTo(cell);
    this.show();
  }

  // -- Keys ---------------------------------------------------------------------------------------------------------

  pressed(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open], .shelf:popover-open")) return;
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (field && !field.matches(".pick input")) return;
    const inside = event.target.closest?.(".cell");
    const command = event.ctrlKey || event.metaKey;
    if (command && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "a") {
      event.preventDefault();
      this.everything();
      if (!inside) this.go(this.at);
      return;
    }
    if (command || event.altKey) return;
    if (event.key === "Escape" && (this.chosen.size || this.all)) {
      event.preventDefault();
      this.clear();
      return;
    }
    const moved = this.moved(event, inside);
    if (moved) {
      event.preventDefault();
      if (event.shiftKey) {
        if (!this.anchor || !this.place.has(this.anchor)) this.rest(inside ?? moved);
        this.extend(moved);
      }
      this.go(moved);
      return;
    }
    if (event.key === " " && inside) {
      event.preventDefault();
      this.toggle(inside);
      return;
    }
    if (!quiet() && this.chosen.size && !event.shiftKey) this.deed(event);
  }

  deed(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const button = this.form.querySelector(`[data-pick-key="${CSS.escape(key)}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  }

  moved(event, inside) {
    const index = inside ? this.place.get(inside) : -1;
    const letters = !quiet() && !event.shiftKey;
    const from = inside ?? this.shown();
    // Elsewhere on the page arrows scroll and Home goes to the top, until one is among the pictures.
    if (!inside && !(letters && (event.key === "j" || event.key === "k"))) {
      return event.key.startsWith("Arrow") && document.activeElement === document.body ? from : null;
    }
    if (!inside) return from;
    switch (event.key) {
      case "ArrowRight": return this.cells[Math.min(index + 1, this.cells.length - 1)];
      case "ArrowLeft": return this.cells[Math.max(index - 1, 0)];
      case "j": return letters ? this.cells[Math.min(index + 1, this.cells.length - 1)] : null;
      case "k": return letters ? this.cells[Math.max(index - 1, 0)] : null;
      case "ArrowDown": return this.beside(inside, index, 1);
      case "ArrowUp": return this.beside(inside, index, -1);
      case "Home": return this.cells[0];
      case "End": return this.cells[this.cells.length - 1];
      default: return null;
    }
  }

  // The first cell that is wholly on the screen.
  shown() {
    if (this.at && this.onScreen(this.at)) return this.at;
    let low = 0;
    let high = this.cells.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.cells[middle].getBoundingClientRect().top >= 60) high = middle;
      else low = middle + 1;
    }
    return this.cells[low];
  }

  onScreen(cell) {
    const box = cell.getBoundingClientRect();
    return box.bottom > 60 && box.top < innerHeight;
  }

  // The cell of the next row up or down whose middle is nearest.
  beside(cell, index, way) {
    const here = cell.getBoundingClientRect();
    const middle = here.left + here.width / 2;
    let best = null;
    let far = Infinity;
    let row = null;
    for (let step = 1; step <= MANY_NEAR; step += 1) {
      const other = this.cells[index + way * step];
      if (!other) break;
      const box = other.getBoundingClientRect();
      if (Math.abs(box.top - here.top) < 2) continue;
      row ??= box.top;
      if (Math.abs(box.top - row) >= 2) break;
      const distance = Math.abs(box.left + box.width / 2 - middle);
      if (distance < far) [best, far] = [other, distance];
    }
    return best ?? (way > 0 ? this.cells[this.cells.length - 1] : this.cells[0]);
  }

  // -- Deeds -----------------------------------------------------------------------------------------------------------

  // Enter in a field of a dialog means its own button.
  entered(event) {
    if (event.key !== "Enter" || !event.target.matches("dialog input")) return;
    event.preventDefault();
    event.target.closest("dialog").querySelector(".actions [name=deed], .actions .danger")?.click();
  }

  fill() {
    const ids = this.form.querySelector("[data-ids]");
    const all = this.form.querySelector("[data-all]");
    if (all) all.value = this.all ? "1" : "";
    ids.value = this.all ? "" : [...this.chosen.keys()].join(" ");
  }

  async submitted(event) {
    this.fill();
    const button = event.submitter;
    if (!this.chosen.size && !this.all) {
      event.preventDefault();
      return;
    }
    // A download is the browser's own, and what is done with everything leads to a page that is read anew.
    if (button?.hasAttribute("data-zip-button")) return;
    const asks = button?.dataset.asks && document.getElementById(button.dataset.asks);
    if (asks) {
      event.preventDefault();
      this.ask(asks, button);
      return;
    }
    if (this.all) return;
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    const deed = button?.value ?? "";
    const cells = [...this.chosen.values()];
    const target = button?.getAttribute("formaction") ? button.formAction : this.form.action;
    const data = new FormData(this.form, button);
    try {
      const answer = await fetch(target, { method: "POST", body: data, headers: { Accept: "application/json" } });
      const told = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        sayFailed(told.detail);
        return;
      }
      button?.closest("dialog")?.close();
      this.done(deed, told, cells, data);
    } catch {
      sayFailed();
    } finally {
      this.busy = false;
    }
  }

  // What it costs is said in a dialog of its own, whose button makes it.
  async ask(dialog, button) {
    if (this.busy) return;
    this.busy = true;
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: new FormData(this.form, button), headers: { "HX-Request": "true" } });
      if (answer.redirected) {
        location.reload();
      } else if (answer.ok) {
        dialog.innerHTML = await answer.text();
        dialog.showModal();
        (dialog.querySelector(".primary:not(:disabled)") ?? dialog.querySelector("[data-closes]")).focus();
      } else {
        const told = await answer.json().catch(() => ({}));
        sayFailed(told.detail);
      }
    } catch {
      sayFailed();
    } finally {
      this.busy = false;
    }
  }

  done(deed, told, cells, data) {
    if (told.gone) {
      this.takeAway(cells);
      toast(told.words, told.undo ? () => this.undo(told.undo, cells) : null);
    } else {
      this.sign(deed, cells, data);
      toast(told.words, null);
      if (!this.form.contains(document.activeElement) || document.activeElement === document.body) this.go(this.at);
    }
    document.dispatchEvent(new CustomEvent("darkroom:counted"));
  }

  sign(deed, cells, data) {
    if (deed !== "publish" && deed !== "unpublish") return;
    const shown = deed === "publish" ? (data.get("visibility") === "unlisted" ? "unlisted" : "public") : "";
    for (const cell of cells) {
      const tile = cell.querySelector(".tile");
      tile.querySelector(".sign")?.remove();
      const sign = shown && document.getElementById(`sign-${shown}`)?.content.cloneNode(true);
      if (sign) tile.append(sign);
    }
  }

  takeAway(cells) {
    const next = this.after(cells);
    this.anchor = null;
    this.base = new Set();
    this.hide(cells);
    this.show();
    if (next) this.go(next);
    else if (!this.list.querySelector("[data-older]")) location.reload();
  }

  // The first one behind these that stays, else the last one before them.
  after(cells) {
    const gone = new Set(cells);
    const places = cells.map((cell) => this.place.get(cell)).filter((place) => place !== undefined);
    const last = places.length ? Math.max(...places) : this.place.get(this.at) - 1;
    return this.cells.slice(last + 1).find((cell) => !gone.has(cell)) ?? this.cells.findLast((cell) => !gone.has(cell));
  }

  hide(cells) {
    const groups = new Set(cells.map((cell) => cell.closest(".rows")));
    for (const cell of cells) {
      this.set(cell, false);
      this.base.delete(cell);
      cell.hidden = true;
      cell.classList.remove("cell");
    }
    this.tidy(groups);
    this.refresh();
  }

  // Somebody else, another tab perhaps, put these into the trash: what is read stays where it is on the screen, the
  // selection forgets them, and a focus that was on one of them goes on to the next.
  lose(ids) {
    if (this.page.hasAttribute("data-trash")) return;
    if (this.busy) {
      setTimeout(() => this.lose(ids), 200);
      return;
    }
    const gone = new Set(ids);
    const cells = this.cells.filter((cell) => gone.has(cell.dataset.id));
    if (!cells.length) return;
    const next = this.after(cells);
    const focused = cells.some((cell) => cell.contains(document.activeElement));
    // The first that is wholly on the screen stays there: rows are laid anew, so that others may change theirs.
    const held = this.cells.find((cell) => !gone.has(cell.dataset.id) && cell.getBoundingClientRect().top > 76);
    const before = held?.getBoundingClientRect().top ?? 0;
    this.hide(cells);
    if (held && scrollY > 0) scrollBy({ top: held.getBoundingClientRect().top - before, behavior: "instant" });
    this.tell();
    document.dispatchEvent(new CustomEvent("darkroom:counted"));
    if (next) {
      if (focused || !this.place.has(this.at)) this.tabTo(next);
      if (focused) this.target(next).focus({ preventScroll: true });
    } else if (!this.list.querySelector("[data-older]") && !document.querySelector("dialog[open]")) location.reload();
  }

  // Groups without pictures, and days without groups, are not shown.
  tidy(groups) {
    this.relay([...groups].filter((rows) => rows.querySelector(".cell")));
    for (const rows of groups) rows.closest(".rows-box").hidden = !rows.querySelector(".cell");
    for (const heading of this.list.querySelectorAll(".day")) {
      let box = heading.nextElementSibling;
      let any = false;
      while (box && !box.matches(".day")) {
        any ||= box.matches(".rows-box:not([hidden])");
        box = box.nextElementSibling;
      }
      heading.hidden = !any;
    }
  }

  async undo(at, cells) {
    const data = new FormData();
    data.set("at", at);
    data.set("csrfmiddlewaretoken", this.form.querySelector("[name=csrfmiddlewaretoken]").value);
    try {
      const answer = await fetch(this.form.dataset.restore, { method: "POST", body: data, headers: { Accept: "application/json" } });
      const told = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        sayFailed(told.detail);
        return;
      }
      for (const cell of cells) {
        cell.hidden = false;
        cell.classList.add("cell");
      }
      const groups = new Set(cells.map((cell) => cell.closest(".rows")));
      for (const rows of groups) rows.closest(".rows-box").hidden = false;
      this.tidy(groups);
      this.refresh();
      this.go(cells[0]);
      toast(told.words, null);
      document.dispatchEvent(new CustomEvent("darkroom:counted"));
    } catch {
      sayFailed();
    }
  }
}
