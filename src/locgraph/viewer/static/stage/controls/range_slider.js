/** Two handles on a line, for pointer and keys: a range from low to high. */

import { el } from "../../dom.js";
import { numberText, valueText } from "../numbers.js";

const STEPS = 100;

export class RangeSlider {
  /**
   * @param {object} options {label, unit, low, high, values: [low, high], log, onChange(values)}; the ends are those of
   *   the track. A logarithmic track needs ends above 0.
   */
  constructor({ label, unit = "", low, high, values, log = false, onChange }) {
    Object.assign(this, { label, unit, low, high, values: [...values], onChange });
    this.log = log && low > 0 && high > low;
    this.bar = el("div", { class: "range-bar" });
    this.handles = [0, 1].map((which) => this.makeHandle(which));
    this.track = el("div", { class: "range-track" }, this.bar, ...this.handles);
    this.element = el("div", { class: "range", role: "group", "aria-label": label }, this.track);
    this.track.addEventListener("pointerdown", (event) => this.jump(event));
    this.show();
  }

  makeHandle(which) {
    const name = `${which ? "Most" : "Least"} ${this.label}`;
    const handle = el("div", { class: "range-handle", role: "slider", tabindex: "0", "aria-label": name });
    handle.addEventListener("keydown", (event) => this.key(which, event));
    handle.addEventListener("pointerdown", (event) => this.drag(which, event));
    return handle;
  }

  /** Show other values without telling anyone. */
  set(values) {
    this.values = [...values];
    this.show();
  }

  share(value) {
    const [low, high, at] = this.log ? [this.low, this.high, Math.max(value, this.low)].map(Math.log) : [this.low, this.high, value];
    return high > low ? Math.min(Math.max((at - low) / (high - low), 0), 1) : 0;
  }

  valueAt(share) {
    const clipped = Math.min(Math.max(share, 0), 1);
    // the ends are exact: what lies on them must not be lost by rounding
    if (clipped === 0) return this.low;
    if (clipped === 1) return this.high;
    if (this.log) return this.low * (this.high / this.low) ** clipped;
    return this.low + clipped * (this.high - this.low);
  }

  show() {
    const shares = this.values.map((value) => this.share(value));
    this.handles.forEach((handle, which) => {
      handle.style.left = `${100 * shares[which]}%`;
      handle.setAttribute("aria-valuemin", String(which ? this.values[0] : this.low));
      handle.setAttribute("aria-valuemax", String(which ? this.high : this.values[1]));
      handle.setAttribute("aria-valuenow", String(this.values[which]));
      handle.setAttribute("aria-valuetext", valueText(this.values[which], this.unit));
      handle.title = valueText(this.values[which], this.unit);
    });
    Object.assign(this.bar.style, { left: `${100 * shares[0]}%`, right: `${100 * (1 - shares[1])}%` });
  }

  change(which, value) {
    const bound = which ? Math.max(value, this.values[0]) : Math.min(value, this.values[1]);
    if (bound === this.values[which]) return;
    this.values[which] = bound;
    this.show();
    this.onChange([...this.values]);
  }

  drag(which, event) {
    event.preventDefault();
    event.stopPropagation();
    const handle = this.handles[which];
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const box = this.track.getBoundingClientRect();
    const move = (moved) => this.change(which, this.valueAt((moved.clientX - box.left) / box.width));
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
  }

  /** A click on the line moves the closer handle there. */
  jump(event) {
    const box = this.track.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const [near, far] = this.values.map((value) => Math.abs(this.share(value) - share));
    const which = near < far || (near === far && share < this.share(this.values[0])) ? 0 : 1;
    this.change(which, this.valueAt(share));
    this.drag(which, event);
  }

  key(which, event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    const at = this.share(this.values[which]);
    if (step) this.change(which, this.valueAt(at + step / STEPS));
    else if (event.key === "Home") this.change(which, which ? this.values[0] : this.low);
    else if (event.key === "End") this.change(which, which ? this.high : this.values[1]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The range in words. */
  get text() {
    return `${numberText(this.values[0])} to ${valueText(this.values[1], this.unit)}`;
  }
}
