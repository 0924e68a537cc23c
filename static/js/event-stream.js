// The connection behind open pages: a stream of events that comes back by itself, or questions where no stream can be had.

const HELLO_MS = 10_000;
const SILENT_MS = 40_000;
const LOST_MS = 4_000;
const SLOWEST_MS = 30_000;
const AGAIN_MS = 5 * 60_000;
const ASK_MS = 3_000;
const ASK_BUSY_MS = 1_000;
const BUSY_MS = 10_000;
const WITHOUT = "darkroom-without-stream";
const NAMES = ["hello", "predictions", "items", "balance", "beat", "end"];

export class Stream {
  // `heard(name, data)` for what comes; `state("up" | "lost" | "out")` for how the connection is.
  constructor(url, heard, state) {
    Object.assign(this, { url, heard, state });
    this.cursor = "";
    this.fails = 0;
    this.newsAt = 0;
    this.losing = 0;
    this.met = false;
    this.running = false;
    this.timers = {};
  }

  start() {
    if (this.running) return;
    this.running = true;
    // Where a proxy keeps streams back, the next page knows it already.
    if (Date.now() - Number(sessionStorage.getItem(WITHOUT) ?? 0) < AGAIN_MS) this.#ask();
    else this.#connect();
  }

  stop() {
    this.running = false;
    this.#hangUp();
    clearTimeout(this.losing);
    this.losing = 0;
  }

  // The network is back, or somebody looks at the page: not after the pause, but now.
  now() {
    if (this.running && !this.source && !this.asking) {
      this.#hangUp();
      this.#connect();
    }
  }

  // The browser says that there is no network.
  away() {
    if (!this.running) return;
    this.#hangUp();
    clearTimeout(this.losing);
    this.losing = -1;
    this.state("lost");
    this.#later("again", SLOWEST_MS, () => this.#connect());
  }

  #later(name, ms, deed) {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(deed, ms);
  }

  #hangUp() {
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.timers = {};
    this.source?.close();
    this.source = null;
    this.asking?.abort();
    this.asking = null;
  }

  #connect() {
    const source = new EventSource(this.cursor ? `${this.url}?last=${encodeURIComponent(this.cursor)}` : this.url);
    this.source = source;
    let greeted = false;
    this.#later("hello", HELLO_MS, () => {
      sessionStorage.setItem(WITHOUT, String(Date.now()));
      this.#ask();
    });
    if (this.met) this.#losing();
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        if (name === "hello") {
          greeted = true;
          sessionStorage.removeItem(WITHOUT);
          this.#greeted();
        }
        this.#later("silent", SILENT_MS, () => this.#dropped());
        if (event.lastEventId) this.cursor = event.lastEventId;
        this.#tell(name, JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      if (this.source !== source) return;
      if (greeted) this.#dropped();
      else this.#ask();
    };
  }

  #greeted() {
    this.fails = 0;
    this.met = true;
    clearTimeout(this.timers.hello);
    clearTimeout(this.losing);
    this.losing = 0;
    this.state("up");
  }

  #tell(name, data) {
    if (name === "end") {
      if (data.reason === "signed-out") this.#out();
      // Perhaps the password was changed in another tab, and the browser has a new session: the server will say.
      else if (data.reason === "session-over") this.#dropped();
      else this.#ask();
    } else if (name !== "beat") {
      this.heard(name, data);
    }
  }

  #out() {
    this.stop();
    this.state("out");
  }

  // It ended, as it does now and then, or broke: come back soon, and ever later while that fails.
  #dropped() {
    this.#hangUp();
    const pause = Math.min(SLOWEST_MS, 1000 * 2 ** this.fails) * (0.8 + Math.random() * 0.4);
    this.fails += 1;
    this.#later("again", pause, () => this.#connect());
    this.#losing();
  }

  // A short break is nobody's business.
  #losing() {
    this.losing ||= setTimeout(() => this.state("lost"), LOST_MS);
  }

  // No stream came about (a proxy that keeps answers back, no room, no network): ask, and try again for one later.
  async #ask() {
    this.#hangUp();
    if (this.met) this.#losing();
    const streamAt = sessionStorage.getItem(WITHOUT) ? Infinity : Date.now() + AGAIN_MS;
    let first = true;
    const asking = new AbortController();
    this.asking = asking;
    while (this.asking === asking) {
      const answer = await this.#answer(asking.signal);
      if (this.asking !== asking) return;
      if (answer === 401) return this.#out();
      if (!answer || Date.now() > streamAt) return this.#dropped();
      const [[, hello], ...news] = answer.events;
      this.cursor = answer.cursor;
      if (first) this.#greeted();
      if (first || !hello.resumed) this.heard("hello", hello);
      first = false;
      if (news.some(([name]) => name !== "balance")) this.newsAt = Date.now();
      for (const [name, data] of news) this.#tell(name, data);
      await new Promise((done) => this.#later("ask", Date.now() - this.newsAt < BUSY_MS ? ASK_BUSY_MS : ASK_MS, done));
    }
  }

  async #answer(signal) {
    try {
      const response = await fetch(`${this.url}?after=${encodeURIComponent(this.cursor)}`, { signal, cache: "no-store" });
      if (response.status === 401) return 401;
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}
