// One WebSocket for a page, however many of its parts are live. It speaks Supabase Realtime: messages of Phoenix,
// version 2.0.0. It is open while a channel needs it and reconnects; channels request missed data when they rejoin, so
// nothing is buffered here.

import { connection } from "./connection.js";
import { Channel } from "./realtime-channel.js";
import { Backoff, now } from "./timing.js";

const PATH = "/realtime/v1/websocket?vsn=2.0.0";
const HEARTBEAT = 25_000;
// No answer for this long, to the handshake or to a heartbeat: the connection counts as dead.
const SILENCE = 10_000;
// The shorter timeout after the page becomes visible or the network returns.
const IMPATIENT = 5000;
// A connection that lasted this long resets the backoff.
const STABLE = 5000;
// The retry interval while WebSockets count as blocked.
const BLOCKED = 30_000;
// The code with which a server that stops sends its clients elsewhere: to another node, or to itself after a restart.
const RESTART = 1012;
// They don't all come at once.
const SPREAD = 250;
// A connection that is moved like this is back within this time, or lost.
const MOVE = 1500;

export class Realtime {
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {Map<string, Channel>} */
  #channels = new Map();
  #backoff = new Backoff();
  #refs = 0;
  #openedAt = 0;
  // One timer: for the next try, for the handshake, or for the heartbeat.
  #timer = 0;
  #isHeard = false;
  #isAsking = false;
  #isBlocked = false;
  #movedAt = -MOVE;
  /** When the last message came, on the server's clock; 0 for never. */
  heardAt = 0;

  #wire = {
    /** @param {any[]} message */
    send: (message) => this.#send(message),
    ref: () => this.#ref(),
    fail: () => this.#fail(),
    /** @param {Channel} channel */
    remove: (channel) => this.#remove(channel),
  };

  constructor() {
    const wake = () => { if (!document.hidden) this.retryNow(); };
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    // A frozen tab missed its timers.
    document.addEventListener("resume", wake);
    connection.addAsker(() => this.#isOpen && this.#ask());
    connection.onChange(() => { if (!connection.isOffline) this.retryNow(); });
  }

  /** Where connections seem to be blocked, tries become few. @param {boolean} yes */
  setBlocked(yes) {
    if (this.#isBlocked === yes) return;
    this.#isBlocked = yes;
    if (!this.#socket && this.#channels.size) this.#retry();
  }

  /**
   * Joins a channel, now and after each disconnect, until it is left.
   * @param {string} name
   * @param {import("./realtime-channel.js").ChannelOptions} options
   */
  channel(name, options) {
    const channel = new Channel(this.#wire, name, options);
    const isFirst = !this.#channels.size;
    if (isFirst) connection.watch(true);
    this.#channels.set(channel.topic, channel);
    if (this.#isOpen) channel.join();
    else if (isFirst) this.#open();
    return channel;
  }

  /** Retries at once if it is waiting; if it is open, checks that it still works. */
  retryNow() {
    if (!this.#channels.size) return;
    if (!this.#socket) {
      this.#backoff.reset();
      this.#open();
    } else if (this.#isOpen) {
      this.#askForAnswer(IMPATIENT);
      for (const channel of this.#channels.values()) channel.retryNow();
    }
  }

  /** True while the server has sent the page elsewhere, and it may be there soon. */
  get isMoving() {
    return performance.now() - this.#movedAt < MOVE;
  }

  get #isOpen() {
    return this.#openedAt > 0;
  }

  #open() {
    clearTimeout(this.#timer);
    const url = new URL(PATH, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      // Some policies forbid WebSockets. Report it later, like any failure.
      this.#timer = setTimeout(() => this.#fail());
      return;
    }
    this.#socket = socket;
    this.#openedAt = 0;
    this.#timer = setTimeout(() => this.#fail(), SILENCE);
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener("open", () => {
      if (!isCurrent()) return;
      this.#openedAt = performance.now();
      this.#beat();
      for (const channel of this.#channels.values()) channel.join();
    });
    socket.addEventListener("message", (event) => { if (isCurrent()) this.#take(event.data); });
    socket.addEventListener("close", ({ code }) => { if (isCurrent()) this.#fail(code === RESTART); });
  }

  #fail(isMoved = false) {
    const wasOpen = this.#isOpen;
    if (wasOpen && performance.now() - this.#openedAt > STABLE) this.#backoff.reset();
    this.#close();
    if (isMoved) this.#movedAt = performance.now();
    if (this.#channels.size) this.#retry(isMoved ? Math.random() * SPREAD : undefined);
    for (const channel of [...this.#channels.values()]) channel.down(wasOpen);
  }

  /** @param {number} [wait] */
  #retry(wait) {
    clearTimeout(this.#timer);
    const usual = () => (this.#isBlocked ? BLOCKED * (1 + Math.random() / 2) : this.#backoff.next());
    this.#timer = setTimeout(() => this.#open(), wait ?? usual());
  }

  #close() {
    clearTimeout(this.#timer);
    this.#isAsking = false;
    const socket = this.#socket;
    this.#socket = null;
    this.#openedAt = 0;
    socket?.close(1000);
  }

  /** @param {Channel} channel */
  #remove(channel) {
    if (this.#channels.get(channel.topic) !== channel) return;
    this.#channels.delete(channel.topic);
    if (this.#channels.size) return;
    connection.watch(false);
    this.#close();
  }

  #take(data) {
    this.#isHeard = true;
    this.heardAt = now();
    connection.heard();
    if (typeof data !== "string") return;
    let message;
    try { message = JSON.parse(data); } catch { return; }
    if (!Array.isArray(message)) return;
    const [joinRef, ref, topic, event, payload] = message;
    this.#channels.get(topic)?.take(joinRef, ref, event, payload ?? {});
  }

  // Silence is looked into: one question at a time. @returns {boolean}
  #ask() {
    if (!this.#isAsking || this.#isHeard) this.#askForAnswer(IMPATIENT);
    return true;
  }

  #beat() {
    clearTimeout(this.#timer);
    this.#isAsking = false;
    this.#timer = setTimeout(() => this.#askForAnswer(SILENCE), HEARTBEAT);
  }

  // The reply to a heartbeat may be queued after many rows, so every frame counts as a sign of life.
  #askForAnswer(limit) {
    clearTimeout(this.#timer);
    this.#isHeard = false;
    this.#isAsking = true;
    this.#send([null, this.#ref(), "phoenix", "heartbeat", {}]);
    const due = Date.now() + limit;
    const judge = () => { if (this.#isHeard) this.#beat(); else this.#fail(); };
    this.#timer = setTimeout(() => {
      // The timer is late because the tab slept; the reply may still arrive.
      if (!this.#isHeard && Date.now() - due > 2000) this.#timer = setTimeout(judge, 1000);
      else judge();
    }, limit);
  }

  #send(message) {
    const socket = this.#socket;
    // It may be closing without an event yet.
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  #ref() {
    this.#refs += 1;
    return String(this.#refs);
  }
}
