// The log's text, from the server: copied or, if too large, downloaded.

import { ApiError, sentence, UNREACHED } from "../../lib/api.js";
import { copyFrom } from "../../lib/copy.js";
import { counted } from "../../lib/format.js";
import { showError, toast } from "../../lib/toast.js";

// Bytes; a clipboard may take more, paste targets rarely do.
const MAX = 16 << 20;

/**
 * @param {import("../feed/log-api.js").LogApi} api
 * @param {Element|null} button
 * @param {{from?: number, to?: number, streams?: string|null}} part
 * @param {string} what is said when it is done
 */
export async function copyLog(api, button, part, what) {
  try {
    const text = await textAt(api.textPath(part));
    if (text !== null) {
      await copyFrom(button, text, what);
      return;
    }
    const file = { href: api.textPath({ ...part, download: 1 }), text: "Download it instead" };
    toast("Too large for the clipboard (more than 16 MiB).", { tone: "warn", key: "copy", link: file });
  } catch (error) {
    showError(error);
  }
}

/** What is said of a range that was copied. @param {import("./selection.js").Range} range */
export const copiedRange = ({ from, to }) => `Copied ${counted(to - from + 1, "line")}`;

/** @param {string} path @returns {Promise<string|null>} null where it is too much */
async function textAt(path) {
  const aborter = new AbortController();
  try {
    const response = await fetch(path, { headers: { Accept: "text/plain" }, cache: "no-store", signal: aborter.signal });
    if (!response.ok) throw new ApiError(response.status, sentence(response.status));
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let size = 0;
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      size += value.length;
      if (size > MAX) {
        aborter.abort();
        return null;
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, UNREACHED);
  }
}
