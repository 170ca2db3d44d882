/** Curves over epochs as SVG: read by pointer or keys, the best epoch marked, a click shows an epoch. */

import { el, replace, short, svg } from "../dom.js";
import { coordinates, niceTicks, pathOf, scaleOf } from "./scales.js";

const MARGIN = { left: 44, right: 14, top: 12, bottom: 20 };
const SMALLEST = 60;

/**
 * A chart.
 * @typedef {{name: string, values: (number|null)[], kind: "train"|"val"|"other", best: ?{epoch: number, value: number}}} Series
 */
export class Curves {
  #data = null;
  #pointed = null;
  #observer;

  /** @param {{title: string, heading?: (Node|string)[], onPick: (epoch: number) => void}} options heading: what stands for the title. */
  constructor({ title, heading = [title], onPick }) {
    this.onPick = onPick;
    this.values = el("span", { class: "curve-values" });
    this.drawing = svg("svg", { tabindex: "0", role: "img", class: "curve-drawing" });
    this.words = el("p", { class: "visually-hidden", role: "status" });
    this.title = title;
    const legend = el("figcaption", { class: "curve-legend" }, el("span", { class: "curve-heading" }, heading), this.values);
    this.element = el("figure", { class: "curves" }, legend, this.drawing, this.words);
    this.drawing.addEventListener("pointermove", (event) => this.#point(this.#epochAt(event)));
    this.drawing.addEventListener("pointerleave", () => this.#point(null));
    this.drawing.addEventListener("click", (event) => this.#pick(this.#epochAt(event)));
    this.drawing.addEventListener("keydown", (event) => this.#key(event));
    this.drawing.addEventListener("blur", () => this.#point(null));
    this.#observer = new ResizeObserver(() => this.#draw());
    this.#observer.observe(this.element);
  }

  /**
   * Draw curves.
   * @param {{title?: string, epochs: number[], series: Series[], current: ?number, logarithmic?: boolean}} data
   *   current: the epoch that is shown, marked by a line.
   */
  show(data) {
    this.#data = data;
    this.title = data.title ?? this.title;
    this.#draw();
  }

  remove() {
    this.#observer.disconnect();
    this.element.remove();
  }

  #draw() {
    const { width, height } = this.drawing.getBoundingClientRect();
    if (!this.#data || width < SMALLEST || height < SMALLEST) return;
    const { epochs, series, logarithmic = false } = this.#data;
    const inner = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    const across = { low: epochs[0] ?? 0, high: Math.max(epochs.at(-1) ?? 1, (epochs[0] ?? 0) + 1) };
    const up = scaleOf(series.flatMap((each) => each.values), logarithmic);
    this.place = coordinates(inner, across, up);
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.drawing.setAttribute("aria-label", this.#summary());
    replace(
      this.drawing,
      this.#axes(inner, across, up),
      svg("g", { class: "curve-marks" }),
      series.map((each) => this.#curve(each)),
      series.map((each) => this.#best(each, inner)),
    );
    this.#mark();
  }

  #axes(inner, across, up) {
    const horizontal = niceTicks(up.low, up.high, 4, up.logarithmic).map((value) => {
      const y = this.place.y(value);
      return [
        svg("line", { class: "curve-grid", x1: inner.left, x2: inner.right, y1: y, y2: y }),
        svg("text", { class: "curve-tick", x: inner.left - 6, y: y + 4, "text-anchor": "end" }, short(value)),
      ];
    });
    const count = Math.max(2, Math.floor((inner.right - inner.left) / 70));
    const vertical = niceTicks(across.low, across.high, count)
      .filter(Number.isInteger)
      .map((value) => svg("text", { class: "curve-tick", x: this.place.x(value), y: inner.bottom + 15, "text-anchor": "middle" }, short(value)));
    return svg("g", { "aria-hidden": "true" }, horizontal.flat(), vertical);
  }

  #curve({ values, kind }) {
    const { epochs } = this.#data;
    const alone = values.filter((value) => value !== null).length === 1;
    if (alone) {
      const place = values.findIndex((value) => value !== null);
      return svg("circle", { class: `curve-dot ${kind}`, cx: this.place.x(epochs[place]), cy: this.place.y(values[place]), r: 3 });
    }
    return svg("path", { class: `curve-line ${kind}`, d: pathOf(epochs, values, this.place) });
  }

  #best({ best, kind }, inner) {
    if (!best) return null;
    const [x, y] = [this.place.x(best.epoch), this.place.y(best.value)];
    if (!Number.isFinite(y)) return null;
    const [left, low] = [x > (inner.left + inner.right) / 2, y < (inner.top + inner.bottom) / 2];
    return svg(
      "g",
      { class: `curve-best ${kind}` },
      svg("circle", { cx: x, cy: y, r: 5 }),
      svg("text", { x: x + (left ? -9 : 9), y: y + (low ? 18 : -11), "text-anchor": left ? "end" : "start" }, `best ${short(best.value)} · epoch ${best.epoch}`),
    );
  }

  /** Mark the epoch that is shown and the one that is pointed at, and write their values. */
  #mark() {
    const { epochs, series, current } = this.#data;
    const marks = this.drawing.querySelector(".curve-marks");
    const [top, bottom] = this.place.ends;
    const line = (epoch, kind) =>
      epoch === null || epoch < epochs[0] || epoch > epochs.at(-1)
        ? null
        : svg("line", { class: kind, x1: this.place.x(epoch), x2: this.place.x(epoch), y1: top, y2: bottom });
    const row = this.#pointed === null ? -1 : epochs.indexOf(this.#pointed);
    const dots = row < 0 ? [] : series
      .filter((each) => each.values[row] !== null)
      .map((each) => svg("circle", { class: `curve-dot ${each.kind}`, cx: this.place.x(epochs[row]), cy: this.place.y(each.values[row]), r: 3.5 }));
    replace(marks, line(current, "curve-current"), line(this.#pointed, "curve-pointed"), dots);
    const shown = row >= 0 ? row : current !== null && epochs.includes(current) ? epochs.indexOf(current) : epochs.length - 1;
    replace(
      this.values,
      row >= 0 ? el("span", { class: "number note" }, `epoch ${epochs[row]}`) : null,
      series.map((each) => el("span", { class: `curve-name ${each.kind}` }, each.name, " ", el("span", { class: "number" }, short(each.values[shown])))),
    );
  }

  #summary() {
    const { epochs, series } = this.#data;
    if (epochs.length === 0) return `${this.title}: no epoch is done yet.`;
    const parts = series.map(({ name, values, best }) => {
      const last = values.findLast((value) => value !== null);
      return `${name}: latest ${short(last)}${best ? `, best ${short(best.value)} at epoch ${best.epoch}` : ""}`;
    });
    return `${this.title} over epochs ${epochs[0]} to ${epochs.at(-1)}. ${parts.join("; ")}. Arrow keys read values, Enter shows an epoch.`;
  }

  #epochAt(event) {
    const { epochs } = this.#data ?? { epochs: [] };
    if (!this.place || epochs.length === 0) return null;
    const at = this.place.epoch(event.clientX - this.drawing.getBoundingClientRect().left);
    return epochs.reduce((near, epoch) => (Math.abs(epoch - at) < Math.abs(near - at) ? epoch : near), epochs[0]);
  }

  #point(epoch) {
    if (epoch === this.#pointed || !this.place) return;
    this.#pointed = epoch;
    this.#mark();
  }

  #pick(epoch) {
    if (epoch !== null) this.onPick(epoch);
  }

  #key(event) {
    const { epochs, series, current } = this.#data ?? { epochs: [] };
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" && this.#pointed !== null) this.#pick(this.#pointed);
    else if (event.key in steps && epochs.length) {
      const from = epochs.indexOf(this.#pointed ?? current ?? epochs.at(-1));
      const row = Math.min(Math.max((from < 0 ? epochs.length - 1 : from) + steps[event.key], 0), epochs.length - 1);
      this.#point(epochs[row]);
      this.words.textContent = `Epoch ${epochs[row]}: ${series.map((each) => `${each.name} ${short(each.values[row])}`).join(", ")}`;
    } else return;
    event.preventDefault();
  }
}
