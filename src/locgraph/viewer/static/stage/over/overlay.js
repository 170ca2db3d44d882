/** What lies over a canvas: marks, measurements, the tooltip, a line of text, and a description for screen readers. */

import { el, replace, short, svg } from "../../dom.js";
import { axes, gizmo, scaleBar } from "./axes.js";
import { legendMarks } from "./legend.js";
import { marksToSvg } from "./marks.js";
import { lengthText } from "../numbers.js";
import { countText, pickLines, reasonForNone } from "../reading.js";

const MOST_LINES = 14;

export class Overlay {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.measurements = [];
    this.start = null;
    this.end = null;
    this.picked = null;
    this.svg = svg("svg", { class: "stage-marks", "aria-hidden": "true" });
    this.caption = el("p", { class: "stage-caption" });
    this.tags = el("div", { class: "stage-tags" });
    this.tip = el("div", { class: "stage-tip", role: "tooltip", hidden: true });
    this.words = el("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    this.empty = el("p", { class: "empty stage-empty", role: "status" });
    stage.element.append(this.svg, this.caption, this.tags, this.tip, this.words, this.empty);
  }

  /** Forget what belongs to another FOV. */
  clear() {
    Object.assign(this, { measurements: [], start: null, end: null, picked: null });
    this.hideTip();
  }

  draw() {
    const { stage } = this;
    this.empty.hidden = stage.scene !== null;
    this.empty.textContent = stage.scene ? "" : reasonForNone(stage);
    replace(this.svg, stage.scene ? marksToSvg([...this.marks({ labels: false }), ...this.cross()], stage.look.dark) : []);
    this.drawTags();
    this.writeCaption();
  }

  /** All marks of the picture; labels: with the lengths of measurements, which are buttons on the screen. */
  marks({ labels = true } = {}) {
    const { stage } = this;
    const { camera, size, map, scene, colouring } = stage;
    const edges = stage.scores?.level === "edge" ? stage.painter.edgeColours.get(stage.scores.k)?.legend : null;
    return [
      ...axes(camera, size, map, scene),
      ...gizmo(camera, size),
      ...scaleBar(camera, size).marks,
      ...legendMarks(edges ?? colouring?.legend ?? null, size),
      ...this.pickMarks(),
      ...this.measureMarks(labels),
    ];
  }

  /** A cross in the middle while keys are used. */
  cross() {
    const { pointer, size } = this.stage;
    if (!pointer?.byKeys) return [];
    const [x, y] = size.map((side) => side / 2);
    const lines = [[[x - 9, y], [x - 3, y]], [[x + 3, y], [x + 9, y]], [[x, y - 9], [x, y - 3]], [[x, y + 3], [x, y + 9]]];
    return lines.map((points) => ({ kind: "line", points, width: 1.5, colour: "mark", halo: true }));
  }

  pickMarks() {
    if (!this.picked) return [];
    const at = this.stage.toScreen(this.picked.position.map((value, axis) => value - this.stage.scene.origin[axis]));
    return [
      { kind: "dot", at, radius: 8, colour: "none", ring: "paper" },
      { kind: "dot", at, radius: 7, colour: "none", ring: "mark" },
    ];
  }

  measureMarks(labels) {
    const open = this.start && this.end ? [{ from: this.start, to: this.end }] : [];
    return [...this.measurements, ...open].flatMap(({ from, to }) => {
      const points = [from, to].map((place) => this.stage.toScreen(place));
      const ends = points.map((at) => ({ kind: "dot", at, radius: 3, colour: "mark", ring: "paper" }));
      const line = { kind: "line", points, width: 1.75, colour: "mark", halo: true };
      const at = [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2 - 8];
      const text = { kind: "text", at, text: lengthText(length(from, to)), anchor: "middle", size: 12, weight: 600 };
      return labels ? [line, ...ends, text] : [line, ...ends];
    });
  }

  /** Lengths as buttons that delete them. */
  drawTags() {
    const tags = this.measurements.map((one, index) => ({ ...one, text: lengthText(length(one.from, one.to)), index }));
    const open = this.start && this.end ? [{ from: this.start, to: this.end, text: lengthText(length(this.start, this.end)), index: null }] : [];
    const known = [...tags, ...open].map((tag) => `${tag.text} ${tag.index}`).join();
    if (known !== this.knownTags) {
      this.knownTags = known;
      replace(this.tags, [...tags, ...open].map((tag) => this.makeTag(tag)));
    }
    [...tags, ...open].forEach((tag, place) => {
      const [a, b] = [this.stage.toScreen(tag.from), this.stage.toScreen(tag.to)];
      this.tags.children[place].style.transform = `translate(${(a[0] + b[0]) / 2}px, ${(a[1] + b[1]) / 2 - 16}px) translate(-50%, -50%)`;
    });
  }

  makeTag({ text, index }) {
    if (index === null) return el("span", { class: "stage-tag" }, text);
    const attributes = { type: "button", class: "stage-tag", onclick: () => this.remove(index), "aria-label": `Delete the measurement of ${text}` };
    return el("button", attributes, text, el("span", { class: "stage-tag-close" }, "×"));
  }

  /** Take a point of a measurement; the second completes it. */
  measure(place) {
    if (this.start) {
      if (length(this.start, place) > 0) this.measurements.push({ from: this.start, to: place });
      this.start = this.end = null;
      this.stage.tell("change");
    } else {
      this.start = place;
    }
    this.stage.schedule();
  }

  /** Delete one measurement, or all (null). */
  remove(index) {
    if (index === null) this.measurements = [];
    else this.measurements.splice(index, 1);
    this.stage.schedule();
    this.stage.tell("change");
  }

  /** Give up the measurement that has one point; returns whether there was one. */
  cancelMeasure() {
    const begun = this.start !== null;
    this.start = this.end = null;
    this.stage.schedule();
    return begun;
  }

  writeCaption() {
    const { scene, count, visible, look } = this.stage;
    const key = scene && JSON.stringify([scene.header.fov_id, count, visible.complete, look.layers.localisations]);
    if (key === this.captionKey) return;
    this.captionKey = key;
    if (!scene) return void replace(this.caption);
    const part = visible.complete ? null : el("span", { class: "stage-part" }, `showing ${short(visible.rows)}, zoom in for more`);
    const label = scene.header.label ? el("span", {}, scene.header.label) : null;
    replace(this.caption, el("strong", {}, scene.header.fov_id), label, el("span", {}, countText(count, scene)), part);
  }

  /** Words for screen readers; the canvas has them as its name, too. */
  describe(text) {
    if (this.words.textContent === text) return;
    this.words.textContent = text;
    this.stage.canvas.setAttribute("aria-label", `${text} Arrow keys move, plus and minus zoom, 0 shows all, space reads what lies in the middle.`);
  }

  showTip(pick, [x, y]) {
    const [title, ...lines] = pickLines(this.stage.scene, pick);
    const rows = lines.slice(0, MOST_LINES).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
    const more = lines.length > MOST_LINES ? el("p", { class: "note" }, `and ${lines.length - MOST_LINES} more`) : null;
    replace(this.tip, el("p", { class: "stage-tip-title" }, title.join(" ")), el("dl", {}, ...rows), more);
    this.tip.hidden = false;
    const [width, height] = this.stage.size;
    const left = x + 16 + this.tip.offsetWidth > width ? x - 16 - this.tip.offsetWidth : x + 16;
    const top = Math.min(Math.max(y - 10, 6), Math.max(height - this.tip.offsetHeight - 6, 6));
    this.tip.style.transform = `translate(${Math.max(left, 4)}px, ${top}px)`;
  }

  hideTip() {
    this.tip.hidden = true;
  }
}

function length(from, to) {
  return Math.hypot(...[0, 1, 2].map((axis) => (from[axis] ?? 0) - (to[axis] ?? 0)));
}
