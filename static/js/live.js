// Pages that see by themselves what changed. One tab of a browser holds the stream and tells the others.
//
// Told on document: `darkroom:predictions` and `darkroom:items` ({ids}), `darkroom:balance`, and `darkroom:back` where
// news may have been missed, so that everything is to be read again.

import { Stream } from "./event-stream.js";

export { insertQuietly } from "./scroll-anchor.js";

const RECENT_MS = 15_000;
const ASK_EVERY_MS = 20_000;
const ANSWER_MS = 3_000;
const HIDDEN_MS = 5_000;
const root = document.documentElement;
const meta = document.querySelector('meta[name="live"]');

function dispatch(name, detail) {
  document.dispatchEvent(new CustomEvent(`darkroom:${name}`, { detail }));
}

// -- What the page says of its connection ---------------------------------------------------------------------

function sayLost(lost) {
  const line = document.getElementById("offline");
  if (line) {
    line.hidden = !lost;
    return;
  }
  const said = document.getElementById("offline-toast");
  if (!lost) said?.remove();
  else if (!said) {
    const words = document.getElementById("offline-words");
    const toasts = document.getElementById("toasts");
    if (words && toasts) toasts.append(words.content.cloneNode(true));
  }
}

function setState(state) {
  if (root.dataset.live === state) return;
  root.dataset.live = state;
  sayLost(state === "lost");
}

let met = false;
let missed = false;

function told(name, data) {
  if (name === "hello") {
    setState("up");
    // The first one of a page comes with what happened while it loaded; only a later one can have missed something.
    if (met && (missed || !data.resumed)) dispatch("back", {});
    met = true;
    missed = false;
  } else if (name === "balance") {
    const shown = document.getElementById("balance");
    if (shown) {
      shown.querySelector("b").textContent = data.shown;
      shown.querySelector(".unit").textContent = data.unit;
    }
    dispatch("balance", data);
  } else {
    dispatch(name, data);
  }
}

// -- Who holds the stream -------------------------------------------------------------------------------------

function begin(user, url) {
  const name = `darkroom-live-${user}`;
  const channel = new BroadcastChannel(name);
  const me = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const recent = [];
  let leading = false;
  let asked = 0;

  const stream = new Stream(
    url,
    (what, data) => {
      told(what, data);
      // With the place in the stream, so that whoever takes over goes on from there.
      channel.postMessage({ what, data, cursor: stream.cursor });
      const now = Date.now();
      recent.push({ at: now, what, data });
      while (recent[0].at < now - RECENT_MS || recent.length > 100) recent.shift();
    },
    (state) => {
      setState(state);
      channel.postMessage({ state });
    },
  );

  function lead() {
    leading = true;
    clearTimeout(asked);
    stream.start();
  }
  function follow() {
    leading = false;
    stream.stop();
  }

  channel.onmessage = ({ data: message }) => {
    if (message.ask) {
      if (leading) channel.postMessage({ to: message.ask, state: root.dataset.live, recent, cursor: stream.cursor });
    } else if (leading || (message.to && message.to !== me)) {
      // Meant for another tab, or from one that does not know yet that it leads no more.
    } else {
      clearTimeout(asked);
      if (message.cursor) stream.cursor = message.cursor;
      if (message.to && message.state === "up") met = true;
      if (message.state && message.state !== "wait") setState(message.state);
      for (const { what, data } of message.recent ?? []) if (what !== "hello") told(what, data);
      if (message.what) told(message.what, message.data);
    }
  };

  // A tab that the browser has put to sleep keeps the lock and tells nothing: whoever is looked at takes over.
  function ask() {
    if (leading || document.hidden) return;
    channel.postMessage({ ask: me });
    clearTimeout(asked);
    asked = setTimeout(() => hold({ steal: true }), ANSWER_MS);
  }

  function hold(options = {}) {
    navigator.locks.request(name, options, () => {
      lead();
      return new Promise(() => {});
    }).catch(() => {
      follow();
      hold();
    });
  }

  if (navigator.locks) {
    hold();
    ask();
    setInterval(ask, ASK_EVERY_MS);
  } else {
    // Without locks (plain http) each tab that is looked at holds one, and none of the others.
    const turn = () => (document.hidden ? setTimeout(() => document.hidden && follow(), HIDDEN_MS) : lead());
    turn();
    document.addEventListener("visibilitychange", turn);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (leading) stream.now();
    else if (navigator.locks) ask();
  });
  window.addEventListener("offline", () => {
    missed = true;
    if (leading) stream.away();
    else setState("lost");
  });
  window.addEventListener("online", () => leading && stream.now());
  window.addEventListener("pageshow", (event) => event.persisted && dispatch("back", {}));
}

// Another script may import this file by its plain name while the page loaded it by its hashed one.
if (meta && !root.dataset.live) {
  root.dataset.live = "wait";
  begin(meta.content, meta.dataset.url);
}
