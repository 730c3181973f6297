// Server-Sent Events over fetch: unlike EventSource this shows the status of an answer, and that a silent
// connection still carries the server's comments.

/**
 * @param {string} url
 * @param {{signal: AbortSignal, onOpen: () => void, onBytes: () => void, onEvent: (type: string, data: string) => void}} to
 * @returns {Promise<void>} ends with the answer; throws where there is none, or it breaks off
 */
export async function readEvents(url, { signal, onOpen, onBytes, onEvent }) {
  const response = await fetch(url, { headers: { Accept: "text/event-stream" }, signal, cache: "no-store", credentials: "same-origin" });
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
  const kind = response.headers.get("Content-Type") ?? "";
  if (!kind.startsWith("text/event-stream") || !response.body) throw new Error(`unexpected ${kind || "answer"}`);
  onOpen();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser(onEvent);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    parser.take(decoder.decode(value, { stream: true }));
  }
}

/** The event stream format (HTML Standard, 9.2.6), without `retry`. */
export class EventParser {
  #rest = "";
  #type = "";
  /** @type {string[]} */
  #data = [];
  #onEvent;

  /** @param {(type: string, data: string) => void} onEvent */
  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  /** @param {string} text */
  take(text) {
    text = this.#rest + text;
    // A line may end in CR LF whose LF has not come yet.
    let from = 0;
    for (;;) {
      const feed = text.indexOf("\n", from);
      if (feed < 0) break;
      const end = feed > from && text.charCodeAt(feed - 1) === 0x0d ? feed - 1 : feed;
      this.#line(text.slice(from, end));
      from = feed + 1;
    }
    this.#rest = from ? text.slice(from) : text;
  }

  #line(line) {
    if (line === "") {
      if (this.#data.length) this.#onEvent(this.#type || "message", this.#data.join("\n"));
      this.#type = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
  }
}
