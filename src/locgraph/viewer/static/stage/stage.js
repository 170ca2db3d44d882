/**
 * A canvas that shows one FOV: localisations in levels of detail, clusters, edges, what lies over them.
 *
 * As in a camera image, y points downwards; see camera.js for three dimensions. Coordinates are nm relative to the
 * origin of the scene; `stage.scene.origin` leads to those of the file.
 */

import { complain } from "../notice.js";
import * as cameras from "./camera.js";
import { MOST_DRAWN, makeDeck, viewProps, viewStates } from "./canvas.js";
import { makeColouring } from "./colours.js";
import { makeFilters } from "./filters.js";
import { LOOK, sizeOf } from "./look.js";
import { NodeStore, visibleNodes } from "./nodes.js";
import { Overlay } from "./over/overlay.js";
import { Painter } from "./painter.js";
import { closestCluster, closestLocalisation, outlineAround } from "./picking.js";
import { Pointer } from "./pointer.js";
import { describeScene } from "./reading.js";
import { ROW, Scene } from "./scene.js";

const REACH_PX = 7;
const SETTLED_MS = 150;

const live = [];

/** The stages of the page: the first, and the one beside it where there is one. */
export function stages() {
  return [...live];
}

/** Their scenes. */
export function shownScenes() {
  return live.map((stage) => stage.scene).filter((scene) => scene !== null);
}

export class Stage {
  /** @param {HTMLElement} element with a size; it is filled. */
  constructor(element) {
    this.element = element;
    element.classList.add("stage");
    this.scene = null;
    this.camera = { mode: "2d", target: [0, 0, 0], zoom: 0, rotationX: 0, rotationOrbit: 0 };
    this.look = { ...LOOK };
    this.scores = null;
    this.problem = null;
    this.version = 0;
    this.overlays = new Map();
    this.visible = { ids: [], rows: 0, complete: true };
    this.count = null;
    this.frame = this.settling = this.counting = null;
    this.listeners = { pick: new Set(), camera: new Set(), change: new Set() };
    this.budget = MOST_DRAWN.card;
    this.canvas = document.createElement("canvas");
    element.append(this.canvas);
    this.overlay = new Overlay(this);
    this.deck = makeDeck(this);
    this.pointer = new Pointer(this);
    // what shows all still does when there is more room
    this.resizing = new ResizeObserver(() => (this.fitted ? this.fit() : this.schedule()));
    this.resizing.observe(element);
    live.push(this);
  }

  setBudget(most) {
    this.budget = most;
    this.schedule();
  }

  /** Width and height in pixels. */
  get size() {
    return [this.element.clientWidth || 1, this.element.clientHeight || 1];
  }

  /**
   * Show a FOV. The same FOV again (other values, as of another epoch) keeps the camera.
   *
   * @param {number} source @param {number|null} fov null empties the stage.
   */
  async show(source, fov) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    const same = this.shown?.source === source && this.shown?.fov === fov;
    this.shown = { source, fov };
    if (fov === null) return this.replaceScene(null, false);
    try {
      const scene = await Scene.load(source, fov, loading.signal);
      if (this.loading === loading) this.replaceScene(scene, same && this.scene !== null);
    } catch (error) {
      if (this.loading === loading && error.name !== "AbortError") this.replaceScene(null, false, error.message);
    }
    return undefined;
  }

  /** problem: why there is no scene, in words. */
  replaceScene(scene, keepCamera, problem = null) {
    this.store?.close();
    this.scene = scene;
    this.problem = problem;
    this.count = null;
    this.store = scene && new NodeStore(scene, { onLoad: () => this.schedule(), onError: complain });
    this.painter = scene && new Painter(scene, this.store);
    if (!keepCamera) {
      this.scores = null;
      this.overlay.clear();
      if (scene) this.setMode(scene.dimensions === 3 ? "3d" : "2d", true);
    }
    scene?.loadClusters().then(() => this.schedule(), complain);
    live.forEach((stage) => stage.schedule());
    this.tell("change");
  }

  /** Change part of the look: colour, filters, layers, points, dark. */
  setLook(changes) {
    this.look = { ...this.look, ...changes };
    this.schedule();
  }

  /**
   * Colour by scores of an explanation instead of by a column; null ends it.
   *
   * @param {"localisation"|"cluster"|"edge"|null} level
   * @param {Float32Array} values by row of the read table, by cluster, or by edge; NaN where there is none.
   * @param {{name?: string, unit?: string, k?: number, threshold?: number, range?: number}} options k: type of edges;
   *   threshold: what lies below it has no colour; range: score at the ends of the palette.
   */
  setScores(level, values = null, options = {}) {
    this.scores = level && { name: "score", unit: "", ...options, level, values, version: (this.version += 1) };
    this.schedule();
    this.tell("change");
  }

  /** Draw further layers of deck.gl above all others; an empty list takes them away. `layerFrame` places them. */
  setOverlay(name, layers) {
    if (layers.length) this.overlays.set(name, layers);
    else this.overlays.delete(name);
    this.schedule();
  }

  /** What layers of others need so that y points downwards in 3D too. */
  get layerFrame() {
    return this.camera.mode === "3d" ? { modelMatrix: cameras.MIRROR } : {};
  }

  /** Show the picture from above ("2d"), or freely turned ("3d", where the FOV has z). */
  setMode(mode, fit = false) {
    if (!this.scene) return;
    const next = mode === "3d" && this.scene.dimensions === 3 ? "3d" : "2d";
    if (next === this.camera.mode && !fit) return;
    const fitted = cameras.fitCamera(this.scene.header.box, this.size, next);
    this.fitted = fit;
    this.camera = fit ? fitted : { ...fitted, target: this.camera.target, zoom: this.camera.zoom };
    this.deck.setProps(viewProps(this.camera));
    this.cameraChanged();
  }

  /** Show all. */
  fit() {
    this.setMode(this.camera.mode, true);
  }

  setCamera(camera) {
    this.fitted = false;
    const modeChanged = camera.mode !== this.camera.mode;
    this.camera = camera;
    this.deck.setProps(modeChanged ? viewProps(camera) : { viewState: viewStates(camera) });
    this.cameraChanged();
  }

  cameraChanged() {
    this.schedule();
    this.tell("camera", this.camera);
  }

  get map() {
    return cameras.projection(this.camera, this.size);
  }

  /** Pixels relative to the element -> nm relative to the origin of the scene. */
  toData(pixel) {
    return cameras.unproject(this.camera, this.size, pixel);
  }

  /** nm relative to the origin of the scene -> pixels relative to the element. */
  toScreen(place) {
    return cameras.project(this.map, place);
  }

  /** Shapes are drawn in the plane of x and y. */
  beforeDrawing() {
    this.setMode("2d");
  }

  onPick(callback) {
    return this.listen("pick", callback);
  }

  onCamera(callback) {
    return this.listen("camera", callback);
  }

  /** Called when the FOV, its look or the number of localisations that are shown changes. */
  onChange(callback) {
    return this.listen("change", callback);
  }

  listen(kind, callback) {
    this.listeners[kind].add(callback);
    return () => this.listeners[kind].delete(callback);
  }

  tell(kind, value = this) {
    for (const callback of [...this.listeners[kind]]) callback(value);
  }

  /** Draw soon, once, however often it is asked for. */
  schedule() {
    if (this.deck === null) return; // an answer that came after the end
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.update();
    });
  }

  update() {
    if (!this.scene) {
      this.deck.setProps({ layers: [] });
      this.overlay.draw();
      return;
    }
    const { scene, look } = this;
    this.filters = makeFilters(scene, look.filters);
    this.colouring = makeColouring(scene, look.colour, look.dark, this.scores, shownScenes());
    this.point = sizeOf(look.points, scene, this.camera);
    const scale = 2 ** this.camera.zoom;
    this.visible = visibleNodes(scene, this.map, this.size, { budget: this.budget, scale });
    const columns = [...this.colouring.columns, ...this.filters.columns, this.point.column].filter((name) => name);
    this.store.want(look.layers.localisations ? this.visible.ids : [], [...new Set(columns)]);
    this.deck.setProps({ layers: this.makeLayers() });
    this.overlay.draw();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.recount(), SETTLED_MS);
  }

  /** Whether something is still to be fetched, drawn or counted. */
  get busy() {
    return [this.frame, this.settling, this.counting].some((one) => one !== null) || Boolean(this.store?.busy);
  }

  makeLayers() {
    const { scene, look, painter, scores } = this;
    const { colour, dark, layers } = look;
    const { mode } = this.camera;
    const shared = { mode, colouring: this.colouring, filters: this.filters, size: this.point, radius: this.point.radius };
    const points = layers.localisations
      ? painter.localisations(this.visible.ids, { ...shared, opacity: look.points.opacity })
      : [];
    const edges = [...layers.edges].filter((k) => k < scene.header.edges.length).flatMap((k) => this.edgeLayers(k, mode));
    const byCluster = this.colouring.columns.includes(scene.clusterColumn);
    const own = { mode, dark, scores, colour, byCluster, hulls: layers.hulls, centres: layers.clusters };
    return [...edges, ...points, ...painter.clusters(scene.clusters, own), ...[...this.overlays.values()].flat()];
  }

  edgeLayers(k, mode) {
    const ends = this.scene.edges.get(k);
    if (ends) return [this.painter.edges(k, ends, { mode, scores: this.scores, colour: this.look.colour, dark: this.look.dark })];
    if (!this.scene.asked.has(`edges/${k}`)) this.scene.loadEdges(k).then(() => this.schedule(), complain);
    return [];
  }

  /** Values of the nodes that are drawn. */
  get entries() {
    return this.scene && this.filters && this.look.layers.localisations ? this.painter.entries(this.visible.ids, this.filters) : [];
  }

  /** Count what the filters leave: here where all localisations are here, else the server counts. */
  async recount() {
    this.settling = null;
    this.counting?.abort();
    this.counting = null;
    if (!this.scene || this.deck === null) return;
    const { entries, filters, scene } = this;
    const all = scene.header.n;
    const looked = entries.reduce((sum, entry) => sum + entry.rows, 0);
    let shown = all;
    if (filters.active && looked === all) shown = entries.reduce((sum, entry) => sum + filters.count(entry), 0);
    else if (filters.active) {
      const counting = (this.counting = new AbortController());
      shown = await scene.countPassing(this.look.filters, counting.signal).catch(complain);
      if (this.counting !== counting) return;
      this.counting = null;
      if (shown === undefined) return;
    }
    this.count = { shown, all, here: looked === all };
    this.overlay.writeCaption();
    this.overlay.describe(describeScene(this));
    this.tell("change");
  }

  /**
   * Return what lies at a pixel: {localisation: {entry, index}|null, cluster: index or -1}.
   *
   * A centre of a cluster that is drawn lies above the localisations; without both, an outline that is drawn counts.
   */
  pickAt(pixel) {
    if (!this.scene) return { localisation: null, cluster: -1 };
    const { scene, map, look } = this;
    const reach = Math.max(REACH_PX, this.point?.unit === "pixels" ? this.point.radius : 0);
    const options = { reach, dimensions: scene.dimensions, flat: this.camera.mode === "2d", passes: this.filters?.passes };
    const centre = scene.clusters && look.layers.clusters ? closestCluster(scene.clusters, map, pixel, REACH_PX) : null;
    if (centre) return { localisation: null, cluster: centre.index };
    const localisation = closestLocalisation(this.entries, map, pixel, options);
    const around = !localisation && scene.clusters && look.layers.hulls && this.camera.mode === "2d";
    return { localisation, cluster: around ? outlineAround(scene.clusters, this.toData(pixel)) : -1 };
  }

  /** Fetch all values of what was picked: see reading.js; `row` is that of the table that was read. */
  async complete({ localisation, cluster }) {
    if (!localisation) return { localisation: null, cluster };
    const { entry, index } = localisation;
    const full = await this.store.complete(entry.id, [ROW, ...this.scene.columns.keys()]);
    return { localisation: { entry: full, index }, cluster };
  }

  /** End it. */
  destroy() {
    live.splice(live.indexOf(this), 1);
    live.forEach((stage) => stage.schedule());
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settling);
    this.loading?.abort();
    this.store?.close();
    this.resizing.disconnect();
    this.pointer.destroy();
    this.deck.finalize();
    this.deck = null;
    this.element.replaceChildren();
  }
}
