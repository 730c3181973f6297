// Reads streamed responses with one JSON value per line.

import { ApiError, sentence, UNREACHED } from "./api.js";
import { connection } from "./connection.js";

/**
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<any[]>} the values that came together
 */
export async function* ndjson(path, signal) {
  let response;
  try {
    response = await fetch(path, { headers: { Accept: "application/x-ndjson" }, signal, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (signal.aborted) throw error;
    connection.missed();
    throw new ApiError(0, UNREACHED);
  }
  if (!response.ok) {
    const data = await response.json().catch(() => null);
    throw new ApiError(response.status, data?.error ?? sentence(response.status));
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ApiError(0, "The connection broke off.");
    }
    if (part.done) break;
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    if (lines.length) yield lines.filter(Boolean).map((line) => JSON.parse(line));
  }
  if (rest.trim()) yield [JSON.parse(rest)];
}
