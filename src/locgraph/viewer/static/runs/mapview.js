/** Points in a plane, drawn by deck.gl: zoomed, pointed at, drawn around. */

import { el } from "../dom.js";
import { contains } from "../stage/picking.js";

const VIEW = "map";
const MARGIN = 0.08;
const RADIUS_PX = 4.5;
const REACH_PX = 8;
const DRAG_PX = 4;

/**
 * @param {object} options
 * @param {(place: ?number, at: ?number[]) => void} options.onHover Place of the point under the pointer, and pixels.
 * @param {(place: number, event: object) => void} options.onClick
 */
export class MapView {
  constructor({ onHover, onClick }) {
    this.element = el("div", { class: "map-canvas" });
    this.element.view = this; // for the console of the browser, and for tests
    this.points = { length: 0, positions: new Float32Array(0) };
    this.cameraListeners = new Set();
    this.viewState = { target: [0, 0, 0], zoom: 0, minZoom: -12, maxZoom: 24 };
    this.deck = new deck.Deck({
      parent: this.element,
      views: new deck.OrthographicView({ id: VIEW, flipY: false }),
      controller: { doubleClickZoom: false, inertia: false },
      viewState: { [VIEW]: this.viewState },
      onViewStateChange: ({ viewState }) => {
        this.moved = true;
        this.setCamera(viewState);
      },
      getCursor: ({ isDragging }) => (isDragging ? "grabbing" : this.hovered === null ? "default" : "pointer"),
      useDevicePixels: true,
      layers: [],
    });
    this.hovered = null;
    this.listen(onHover, onClick);
    this.moved = false; // by the user; until then the view follows the size of the panel
    this.size = [1, 1];
    this.observer = new ResizeObserver(() => {
      this.size = [this.element.clientWidth, this.element.clientHeight];
      if (!this.moved) this.fit();
    });
    this.observer.observe(this.element);
  }

  /** Points are found by their distance: exactly, and also for clicks that are too quick for deck.gl. */
  listen(onHover, onClick) {
    const at = (event) => {
      const box = this.element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let pressed = null;
    this.element.addEventListener("pointermove", (event) => {
      this.hovered = event.buttons ? null : this.closest(at(event));
      onHover(this.hovered, at(event));
    });
    this.element.addEventListener("pointerleave", () => {
      this.hovered = null;
      onHover(null);
    });
    this.element.addEventListener("pointerdown", (event) => (pressed = at(event)), { capture: true });
    this.element.addEventListener("click", (event) => {
      const [x, y] = at(event);
      const dragged = pressed && Math.hypot(x - pressed[0], y - pressed[1]) > DRAG_PX;
      const place = dragged ? null : this.closest([x, y]);
      if (place !== null) onClick(place, event);
    });
  }

  /** Place of the point closest to a pixel, within reach; null for none. */
  closest(pixel) {
    let [best, least] = [null, REACH_PX ** 2];
    for (let place = 0; place < this.points.length; place += 1) {
      const [x, y] = this.toScreen([this.points.positions[place * 3], this.points.positions[place * 3 + 1]]);
      const distance = (x - pixel[0]) ** 2 + (y - pixel[1]) ** 2;
      if (distance < least) [best, least] = [place, distance];
    }
    return best;
  }

  remove() {
    this.observer.disconnect();
    this.deck.finalize();
    this.element.remove();
  }

  setCamera(viewState) {
    this.viewState = viewState;
    this.deck.setProps({ viewState: { [VIEW]: viewState } });
    this.cameraListeners.forEach((callback) => callback());
  }

  /** Show points and all of them. x, y: numbers. */
  setPoints(x, y) {
    this.placePoints(x, y);
    this.moved = false;
    this.fit();
  }

  /** Show points, and leave the camera where it is; what they look like has to be set again if their number changes. */
  placePoints(x, y) {
    const positions = new Float32Array(x.length * 3);
    for (let place = 0; place < x.length; place += 1) positions.set([x[place], y[place], 0], place * 3);
    this.points = { length: x.length, positions };
    if (this.look?.radius.length === x.length) this.setLook(this.look.fill, this.look.ring, this.look.radius);
  }

  /** Fill the view with all points if one of them is outside, and the user has not moved it. */
  fitAll() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const outside = ([x, y]) => x < 0 || y < 0 || x > width || y > height;
    for (let place = 0; place < this.points.length && !this.moved; place += 1) {
      if (!outside(this.toScreen(this.points.positions.slice(place * 3, place * 3 + 2)))) continue;
      this.fit();
      return;
    }
  }

  /** Fill the view with all points. */
  fit() {
    const [width, height] = this.size;
    if (!width || !height || !this.points.length) return;
    const [low, high] = [
      [Infinity, Infinity],
      [-Infinity, -Infinity],
    ];
    for (let place = 0; place < this.points.length; place += 1) {
      for (const axis of [0, 1]) {
        const value = this.points.positions[place * 3 + axis];
        low[axis] = Math.min(low[axis], value);
        high[axis] = Math.max(high[axis], value);
      }
    }
    const spans = [0, 1].map((axis) => Math.max(high[axis] - low[axis], 1e-6) * (1 + 2 * MARGIN));
    const zoom = Math.log2(Math.min(width / spans[0], height / spans[1]));
    this.setCamera({ ...this.viewState, target: [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, 0], zoom });
  }

  /**
   * Colour points.
   * @param {Uint8Array} fill (N, 4)
   * @param {Uint8Array} ring (N, 4) Line around each; transparent for none.
   * @param {Float32Array} radius (N,) Relative sizes.
   */
  setLook(fill, ring, radius) {
    this.look = { fill, ring, radius };
    const data = {
      length: this.points.length,
      attributes: {
        getPosition: { value: this.points.positions, size: 3 },
        getFillColor: { value: fill, size: 4, normalized: true },
        getLineColor: { value: ring, size: 4, normalized: true },
        getRadius: { value: radius, size: 1 },
      },
    };
    const layer = new deck.ScatterplotLayer({
      id: "points",
      data,
      stroked: true,
      radiusUnits: "pixels",
      radiusScale: RADIUS_PX,
      lineWidthUnits: "pixels",
      getLineWidth: 1.6,
    });
    this.deck.setProps({ layers: [layer] });
  }

  /** Data coordinates of a pixel of the element. */
  toData([x, y]) {
    const [width, height] = this.size;
    const scale = 2 ** this.viewState.zoom;
    return [this.viewState.target[0] + (x - width / 2) / scale, this.viewState.target[1] - (y - height / 2) / scale];
  }

  /** Pixel of the element at data coordinates. */
  toScreen([x, y]) {
    const [width, height] = this.size;
    const scale = 2 ** this.viewState.zoom;
    return [width / 2 + (x - this.viewState.target[0]) * scale, height / 2 - (y - this.viewState.target[1]) * scale];
  }

  /** Call `callback()` whenever the camera moves; returns a function that ends it. */
  onCamera(callback) {
    this.cameraListeners.add(callback);
    return () => this.cameraListeners.delete(callback);
  }

  zoomBy(factor) {
    this.moved = true;
    this.setCamera({ ...this.viewState, zoom: this.viewState.zoom + Math.log2(factor) });
  }

  /** Places of the points inside a polygon of data coordinates, by the half-open rule at its edges. */
  inside(polygon) {
    const places = [];
    for (let place = 0; place < this.points.length; place += 1) {
      const [x, y] = [this.points.positions[place * 3], this.points.positions[place * 3 + 1]];
      if (contains(polygon, [x, y])) places.push(place);
    }
    return places;
  }
}
