/**
 * Drawing with pointer or keys on any surface: lasso, polygon, brush, point.
 *
 * The outline is kept in data coordinates: zooming with the wheel while drawing leaves it where it belongs. Pointer
 * events are taken from the surface while a tool is active, the wheel is not.
 */

import { svg } from "../dom.js";

/** A lasso drops points that are closer to the last one than this, in pixels. */
const STEP_PX = 3;

/** A click this close to the first vertex closes a polygon, in pixels. */
const CLOSE_PX = 9;

/** Two clicks within this time and STEP_PX are a double-click, in ms. */
const DOUBLE_MS = 400;

const RADIUS_FACTOR = 1.25;
const KEY_STEP_PX = 10;

const HINTS = {
  lasso: "Drag around what belongs together. Escape cancels.",
  polygon: "Click the vertices; Enter or a double-click closes, Backspace takes one back, Escape cancels.",
  brush: "Paint with the pointer; [ and ] change the radius, Escape cancels.",
  point: "Click a place. Escape cancels.",
};

/** Drawings in progress: one for each surface; a new one cancels the old one. */
const active = new WeakMap();

/**
 * A shape in data coordinates.
 * @typedef {{tool: string, points: number[][], radius: (number|null)}} Shape
 * tool "lasso" | "polygon" | "brush" | "point"; points vertices, path of the brush, or one point; radius of the brush
 * or reach of the point, in data units.
 */

/**
 * Let the user draw one shape.
 *
 * Keys: arrows move a cross hair (with Shift ten times as far), Space sets a vertex, a point or a piece of the path,
 * Enter ends, Backspace takes the last vertex back, Escape cancels.
 *
 * @param {{element: HTMLElement, toData: function(number[]): number[], toScreen: function(number[]): number[]}} surface
 *   element to draw on; toData turns pixels relative to the element into data coordinates, toScreen the reverse.
 *   `onCamera(callback) -> off` and `beforeDrawing()` are used where the surface has them.
 * @param {"lasso"|"polygon"|"brush"|"point"} tool
 * @param {{radius?: number, signal?: AbortSignal}} options radius in data units; the signal cancels.
 * @returns {Promise<Shape|null>} null where it was cancelled.
 */
export function startDrawing(surface, tool, { radius = null, signal } = {}) {
  if (!(tool in HINTS)) throw new Error(`expected one of ${Object.keys(HINTS).join(", ")}, found the tool ${tool}`);
  if (tool === "brush" && !(radius > 0)) throw new Error(`expected a radius above 0 for the brush, found ${radius}`);
  active.get(surface.element)?.finish(null);
  surface.beforeDrawing?.();
  return new Promise((resolve) => new Drawing(surface, tool, radius, signal, resolve));
}

/** Whether a shape is being drawn on this element. */
export function isDrawing(element) {
  return active.has(element);
}

class Drawing {
  constructor(surface, tool, radius, signal, resolve) {
    Object.assign(this, { surface, tool, radius, resolve });
    this.points = [];
    this.cursor = null;
    this.pressed = false;
    this.lastClick = null;
    this.listening = new AbortController();
    this.overlay = this.createOverlay();
    this.listen(signal);
    active.set(surface.element, this);
  }

  createOverlay() {
    const element = this.surface.element;
    const overlay = svg("svg", { class: "drawing", width: "100%", height: "100%", "aria-hidden": "true" });
    Object.assign(overlay.style, { position: "absolute", inset: "0", pointerEvents: "none", zIndex: "5" });
    this.outlines = ["halo", "line"].map((part) => svg("path", { ...PEN[part], "data-part": part }));
    this.vertices = svg("g", { fill: "#ffffff", stroke: "#0072B2", "stroke-width": "1.5" });
    this.reach = ["halo", "line"].map((part) => svg("circle", { ...PEN[part], fill: "none", visibility: "hidden" }));
    overlay.append(...this.outlines, this.vertices, ...this.reach);
    this.hint = document.createElement("p");
    this.hint.className = "drawing-hint";
    this.hint.setAttribute("role", "status");
    this.hint.textContent = HINTS[this.tool];
    this.oldCursor = element.style.cursor;
    element.style.cursor = "crosshair";
    element.append(overlay, this.hint);
    return overlay;
  }

  listen(signal) {
    const options = { capture: true, signal: this.listening.signal };
    const element = this.surface.element;
    const steps = { pointerdown: "press", pointermove: "move", pointerup: "release", pointercancel: "release" };
    for (const [type, name] of Object.entries(steps)) {
      element.addEventListener(type, (event) => this.take(event, name), options);
    }
    for (const type of ["click", "dblclick", "mousedown", "mouseup", "contextmenu"]) {
      element.addEventListener(type, (event) => this.take(event, null), options);
    }
    element.addEventListener("wheel", () => requestAnimationFrame(() => this.redraw()), options);
    window.addEventListener("keydown", (event) => this.key(event), options);
    this.offCamera = this.surface.onCamera?.(() => this.redraw());
    signal?.addEventListener("abort", () => this.finish(null), { signal: this.listening.signal });
  }

  /** Keep an event from the surface; controls that lie on it keep theirs. */
  take(event, name) {
    if (event.target.closest?.("button, input, select, a, label") || event.button === 2) return;
    event.stopPropagation();
    event.preventDefault();
    if (name === null) return;
    this[name](this.toPixels(event), event);
    this.redraw();
  }

  toPixels(event) {
    const box = this.surface.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(at, event) {
    if (event.button > 0) return;
    this.cursor = at;
    if (this.tool === "lasso" || this.tool === "brush") {
      this.pressed = true;
      this.points = [this.surface.toData(at)];
      this.surface.element.setPointerCapture?.(event.pointerId);
    }
  }

  move(at) {
    this.cursor = at;
    if (this.pressed && distance(at, this.lastPixel()) >= STEP_PX) this.add(at);
  }

  release(at, event) {
    this.cursor = at;
    if (event.type === "pointercancel") {
      this.points = this.pressed ? [] : this.points;
      this.pressed = false;
    } else if (this.tool === "polygon") this.click(at, event.timeStamp);
    else if (this.tool === "point") this.set(at);
    else if (this.pressed) {
      if (distance(at, this.lastPixel()) >= 1) this.add(at);
      this.pressed = false;
      this.close();
    }
  }

  /** Add a vertex of a polygon; a double-click, or one on the first vertex, closes it. */
  click(at, time) {
    const last = this.lastClick;
    this.lastClick = { at, time };
    const twice = last && time - last.time < DOUBLE_MS && distance(at, last.at) < STEP_PX;
    const onFirst = this.points.length > 2 && distance(at, this.surface.toScreen(this.points[0])) < CLOSE_PX;
    if (twice || onFirst) this.close();
    else this.add(at);
  }

  set(at) {
    this.add(at);
    if (this.tool === "point") this.close();
  }

  add(at) {
    this.points.push(this.surface.toData(at).slice(0, 2));
  }

  lastPixel() {
    return this.surface.toScreen(this.points[this.points.length - 1]);
  }

  key(event) {
    if (event.target.closest?.("input, select, textarea")) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const steps = {
      Escape: () => this.finish(null),
      Enter: () => this.close(),
      Backspace: () => this.points.pop(),
      " ": () => this.set(this.cursor ?? this.middle()),
      "[": () => this.resize(1 / RADIUS_FACTOR),
      "]": () => this.resize(RADIUS_FACTOR),
    };
    const onButton = event.target.closest?.("button") && (event.key === "Enter" || event.key === " ");
    const step = arrows[event.key] ? () => this.shift(arrows[event.key], event.shiftKey) : steps[event.key];
    if (!step || onButton) return;
    event.preventDefault();
    event.stopPropagation();
    step();
    this.redraw();
  }

  shift(direction, far) {
    const step = KEY_STEP_PX * (far ? 10 : 1);
    const from = this.cursor ?? this.middle();
    const { clientWidth, clientHeight } = this.surface.element;
    this.cursor = [
      Math.min(Math.max(from[0] + step * direction[0], 0), clientWidth),
      Math.min(Math.max(from[1] + step * direction[1], 0), clientHeight),
    ];
  }

  resize(factor) {
    if (this.radius !== null) this.radius *= factor;
  }

  middle() {
    return [this.surface.element.clientWidth / 2, this.surface.element.clientHeight / 2];
  }

  /** End with the shape, if it is one: an area needs three vertices. */
  close() {
    const fewest = this.tool === "lasso" || this.tool === "polygon" ? 3 : 1;
    if (this.points.length >= fewest) {
      this.finish({ tool: this.tool, points: this.points.map((one) => [one[0], one[1]]), radius: this.radius });
    } else if (this.tool === "lasso") this.points = [];
  }

  finish(shape) {
    if (active.get(this.surface.element) !== this) return;
    active.delete(this.surface.element);
    this.listening.abort();
    this.offCamera?.();
    this.overlay.remove();
    this.hint.remove();
    this.surface.element.style.cursor = this.oldCursor;
    this.resolve(shape);
  }

  redraw() {
    if (this.listening.signal.aborted) return;
    const pixels = this.points.map((one) => this.surface.toScreen(one));
    const area = this.tool === "lasso" || this.tool === "polygon";
    const open = this.tool === "polygon" && this.cursor ? [...pixels, this.cursor] : pixels;
    const path = open.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const width = this.tool === "brush" ? 2 * this.radiusPixels() : null;
    for (const line of this.outlines) {
      line.setAttribute("d", area && open.length > 2 ? `${path}Z` : open.length === 1 ? `${path}h0.01` : path);
      if (width) brushLook(line, width);
    }
    const shown = this.tool === "polygon" || this.tool === "point" ? pixels : [];
    this.vertices.replaceChildren(...shown.map(([cx, cy]) => svg("circle", { cx, cy, r: 4 })));
    this.drawReach();
  }

  drawReach() {
    const reach = this.radius === null ? 5 : this.radiusPixels();
    for (const circle of this.reach) {
      circle.setAttribute("visibility", this.cursor && (this.radius !== null || !this.pressed) ? "visible" : "hidden");
      if (this.cursor) set(circle, { cx: this.cursor[0], cy: this.cursor[1], r: reach });
    }
  }

  radiusPixels() {
    const at = this.cursor ?? this.middle();
    const centre = this.surface.toData(at);
    return distance(at, this.surface.toScreen([centre[0] + this.radius, centre[1]]));
  }
}

const PEN = {
  halo: { fill: "none", stroke: "#ffffff", "stroke-width": 4, "stroke-opacity": 0.85, "stroke-linejoin": "round" },
  line: { fill: "#56B4E9", "fill-opacity": 0.18, stroke: "#0072B2", "stroke-width": 1.75, "stroke-linejoin": "round" },
};

/** Draw the path of a brush as wide as it reaches. */
function brushLook(line, width) {
  const halo = line.dataset.part === "halo";
  const look = { "stroke-width": width + (halo ? 3 : 0), "stroke-opacity": halo ? 0.35 : 0.3 };
  set(line, { ...look, fill: "none", "stroke-linecap": "round" });
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
