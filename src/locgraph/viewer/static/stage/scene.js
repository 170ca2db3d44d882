/** What the server knows of one FOV: its header, and values that are fetched when they are drawn. */

import { buffer, json, post } from "../api.js";

/** Column of the row of each localisation in the table that was read. */
export const ROW = "row";
export const POSITION = "position";
export const PRECISION = "precision";

export class Scene {
  /** @param {string} path address of the FOV. @param {object} header what it answers. */
  constructor(path, header) {
    this.path = path;
    this.header = header;
    this.nodes = new Map(header.nodes.map((node) => [node.id, node]));
    this.columns = new Map(header.columns.map((column) => [column.name, column]));
    this.clusters = null;
    this.edges = new Map();
    this.asked = new Map();
    this.origin = [0, 1, 2].map((axis) => header.origin[axis] ?? 0);
  }

  /** Ask for a FOV. */
  static async load(source, fov, signal) {
    const path = `api/s/${source}/f/${fov}`;
    return new Scene(path, await json(path, { signal }));
  }

  get dimensions() {
    return this.header.dimensions;
  }

  /** Column of the localisations that names the cluster of each; null where none does. */
  get clusterColumn() {
    return this.header.clusters?.column ?? null;
  }

  /** Whether a column is drawn as names. */
  isCategorical(name) {
    return this.columns.get(name)?.kind === "categorical";
  }

  /** The address of an answer that a browser may keep for good. */
  kept(path) {
    return `${this.path}/${path}?v=${encodeURIComponent(this.header.fingerprint)}`;
  }

  /** Fetch the values of a column in a node. */
  values(node, name, signal) {
    const Type = name === ROW || this.isCategorical(name) ? Uint32Array : Float32Array;
    return buffer(this.kept(`n/${node}/${encodeURIComponent(name)}`), Type, { signal });
  }

  /** Fetch the clusters, once. */
  async loadClusters() {
    if (!this.header.clusters) return null;
    return this.once("clusters", async (path) => (this.clusters = readClusters(await json(path), this.dimensions)));
  }

  /** Fetch the edges of a type, once: ends (E, 2, D) in nm relative to the origin. */
  async loadEdges(k) {
    return this.once(`edges/${k}`, async (path) => this.edges.set(k, await buffer(path, Float32Array)).get(k));
  }

  /** Ask for something once, also where the answer is still on its way or there was none. */
  once(path, ask) {
    if (!this.asked.has(path)) this.asked.set(path, ask(this.kept(path)));
    return this.asked.get(path);
  }

  /** Ask how many localisations pass filters. */
  async countPassing(filters, signal) {
    return (await post(`${this.path}/inside`, { shape: null, filters }, { signal })).n;
  }

  /** The value of a category as people read it. */
  label(name, code) {
    const column = this.columns.get(name);
    return column.labels?.[code] ?? String(code + (column.first ?? 0));
  }
}

/** Clusters as the server answers them; corners of outlines become pairs or triples. */
function readClusters({ ids, centres, columns, hulls }, dimensions) {
  const index = new Map(ids.map((id, place) => [id, place]));
  const outlines = hulls && { ...hulls, vertices: chunks(hulls.vertices, dimensions) };
  return { ids, index, centres: Float32Array.from(centres), values: columns, hulls: outlines, dimensions };
}

function chunks(values, size) {
  return Array.from({ length: values.length / size }, (_, k) => values.slice(k * size, (k + 1) * size));
}
