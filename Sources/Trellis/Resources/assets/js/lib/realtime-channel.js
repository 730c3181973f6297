// One channel of the connection: rejoined after each disconnect, with the current bindings. Messages of an earlier join
// are ignored.

import { Backoff } from "./timing.js";

/** @typedef {{event: string, schema: string, table: string, filter?: string}} Binding */
/** @typedef {{schema: string, table: string, type: "INSERT"|"UPDATE"|"DELETE", record?: any, old_record?: any, commit_timestamp: string}} Change */

/**
 * @typedef {object} ChannelOptions
 * @property {() => Binding[]} bindings asked before each join
 * @property {Record<string, (change: Change) => void>} on by table
 * @property {(bindings: any[]) => void} [onJoin] with the bindings as the server has them
 * @property {() => void} [onReady] changes are listened to from here on
 * @property {(hasFailed: boolean) => void} [onDown] it broke; hasFailed: the join itself failed
 */

/** @typedef {{send: (message: any[]) => void, ref: () => string, fail: () => void, remove: (channel: Channel) => void}} Wire */

const ANSWER = 10_000;
const STABLE = 5000;

export class Channel {
  #wire;
  #options;
  #backoff = new Backoff();
  /** The current join; null without one. @type {string|null} */
  #joinRef = null;
  #joinedAt = 0;
  #ids = new Set();
  #isLeft = false;
  // One timer: for the reply to a join, or for the next join.
  #timer = 0;

  /** @param {Wire} wire @param {string} name @param {ChannelOptions} options */
  constructor(wire, name, options) {
    this.#wire = wire;
    this.#options = options;
    this.topic = `realtime:${name}`;
  }

  get isJoined() {
    return this.#joinedAt > 0;
  }

  join() {
    this.#reset();
    this.#joinRef = this.#wire.ref();
    this.#wire.send([this.#joinRef, this.#joinRef, this.topic, "phx_join", { config: { postgres_changes: this.#options.bindings() } }]);
    this.#timer = setTimeout(() => this.#wire.fail(), ANSWER);
  }

  /** Rejoins to get missing rows. */
  rejoin() {
    if (!this.#joinRef) return; // it comes anyway
    this.#sendLeave();
    this.join();
  }

  leave() {
    this.#isLeft = true;
    this.#sendLeave();
    this.#reset();
    this.#wire.remove(this);
  }

  /** Joins at once if it is waiting. */
  retryNow() {
    if (this.#joinRef) return;
    this.#backoff.reset();
    this.join();
  }

  /** The connection is gone. @param {boolean} wasOpen false where it never stood */
  down(wasOpen) {
    const hasFailed = !wasOpen || this.#joinRef !== null && !this.isJoined;
    if (this.isJoined && performance.now() - this.#joinedAt > STABLE) this.#backoff.reset();
    this.#reset();
    this.#options.onDown?.(hasFailed);
  }

  /**
   * @param {string|null} joinRef
   * @param {string|null} ref
   * @param {string} event
   * @param {any} payload
   */
  take(joinRef, ref, event, payload) {
    if (!this.#joinRef) return;
    // A reply, and an older form of close, name the join by `ref` only.
    const isOurs = joinRef === null ? this.isJoined || ref === this.#joinRef : joinRef === this.#joinRef;
    if (!isOurs) return;
    switch (event) {
      case "phx_reply":
        if (ref === this.#joinRef && !this.isJoined) this.#answered(payload);
        break;
      case "postgres_changes":
        this.#changed(payload);
        break;
      case "system":
        if (payload.status === "error") this.#broke();
        else if (payload.extension === "postgres_changes") this.#options.onReady?.();
        break;
      case "phx_close":
        if (joinRef !== null || ref === this.#joinRef) this.#broke();
        break;
      case "phx_error":
        this.#broke();
        break;
      default:
    }
  }

  #answered({ status, response }) {
    if (status !== "ok") {
      this.#broke();
      return;
    }
    clearTimeout(this.#timer);
    this.#joinedAt = performance.now();
    const bindings = response?.postgres_changes ?? [];
    for (const { id } of bindings) this.#ids.add(id);
    this.#options.onJoin?.(bindings);
  }

  #changed({ ids, data }) {
    if (!data || !ids?.some((id) => this.#ids.has(id))) return;
    this.#options.on[data.table]?.(data);
  }

  // Only the channel failed: the connection is open, so the channel rejoins by itself.
  #broke() {
    this.down(true);
    if (!this.#isLeft) this.#timer = setTimeout(() => this.join(), this.#backoff.next());
  }

  #sendLeave() {
    if (this.#joinRef) this.#wire.send([this.#joinRef, this.#wire.ref(), this.topic, "phx_leave", {}]);
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#joinRef = null;
    this.#joinedAt = 0;
    this.#ids.clear();
  }
}
