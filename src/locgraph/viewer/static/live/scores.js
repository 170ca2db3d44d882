/** The scores of all epochs as a table: what the curves show, for keyboards and screen readers, and to be copied. */

import { button, el, short } from "../dom.js";

/** A table with one row for each epoch, the latest first; epochs whose predictions are there are buttons. */
export function scoreTable({ epochs, curves, best, tables }, current, onPick) {
  const names = Object.keys(curves);
  const head = el("tr", {}, el("th", { scope: "col", class: "number" }, "epoch"), names.map((name) => el("th", { scope: "col", class: "number" }, name)));
  const rows = epochs.map((epoch, row) => {
    const title = tables.includes(epoch) ? button(String(epoch), () => onPick(epoch), { class: "quiet", "aria-label": `Show epoch ${epoch}` }) : String(epoch);
    const cells = names.map((name) => {
      const is = best[name]?.epoch === epoch;
      return el("td", { class: is ? "number live-is-best" : "number", title: is ? "the best" : null }, short(curves[name][row]), is ? " ★" : "");
    });
    return el("tr", { "aria-current": epoch === current ? "true" : null }, el("th", { scope: "row", class: "number" }, title), cells);
  });
  return el("table", {}, el("caption", { class: "visually-hidden" }, "Scores of each epoch"), el("thead", {}, head), el("tbody", {}, rows.reverse()));
}
