/** Messages that come and go, or stay until they are closed. */

import { button, el } from "./dom.js";

const SECONDS = 8;

/**
 * Show a message.
 * @param {string} text
 * @param {{kind?: "info"|"error", stays?: boolean}} options An error stays until it is closed.
 * @returns {() => void} Closes it.
 */
export function notify(text, { kind = "info", stays = kind === "error" } = {}) {
  const place = document.getElementById("notices");
  for (const one of place.children) if (one.dataset.text === text) one.remove();
  const notice = el("div", { class: "notice", dataset: { kind, text } }, el("p", {}, text));
  const close = () => notice.remove();
  notice.append(button("×", close, { class: "quiet", "aria-label": "Close this message" }));
  place.append(notice);
  if (!stays) setTimeout(close, SECONDS * 1000);
  return close;
}

/** Show an error, but for those of calls that were given up. */
export function complain(error) {
  if (error?.name === "AbortError") return;
  notify(error?.message ?? String(error), { kind: "error" });
}
