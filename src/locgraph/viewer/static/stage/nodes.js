/**
 * Level of detail: which nodes of a scene are drawn, and their values on this side of the line.
 *
 * Levels are additive: a node is drawn together with all above it. A node's children are worth drawing while the
 * samples that it holds lie further apart than SPACING_PX on the screen.
 */

import { POSITION } from "./scene.js";

const SPACING_PX = 1.5;
const PARALLEL = 6;

/** Bytes of values that are kept; those that were not drawn for the longest time go first. */
export const MOST_BYTES = 384 * 2 ** 20;

/**
 * Return the nodes that a picture needs, coarse ones first, then from the middle of the picture outwards.
 *
 * @param {Scene} scene
 * @param {number[][]} map from nm to pixels, see camera.js.
 * @param {number[]} size pixels of the picture.
 * @param {{budget: number, scale: number}} options most localisations at once; pixels per nm.
 * @returns {{ids: number[], rows: number, complete: boolean}} complete: the budget left out none.
 */
export function visibleNodes(scene, map, size, { budget, scale }) {
  const { nodes } = scene;
  const ids = [];
  let rows = 0;
  let level = [scene.header.root];
  while (level.length) {
    const placed = level.map((id) => ({ id, off: distanceTo(nodes.get(id).box, map, size) }));
    const inside = placed.filter((one) => one.off !== null).sort((a, b) => a.off - b.off);
    const wanted = inside.reduce((sum, { id }) => sum + nodes.get(id).rows, 0);
    // a level as a whole or not at all: some of its nodes alone would look as if more were there
    if (ids.length && rows + wanted > budget) return { ids, rows, complete: false };
    rows += wanted;
    ids.push(...inside.map(({ id }) => id));
    level = inside.flatMap(({ id }) => (nodes.get(id).spacing * scale > SPACING_PX ? nodes.get(id).children : []));
  }
  return { ids, rows, complete: true };
}

/** Distance of a box from the middle of the picture in pixels; null where it lies outside. */
function distanceTo(box, map, size) {
  const reach = [0, 1].map((axis) => {
    let [low, high] = [map[axis][3], map[axis][3]];
    for (let k = 0; k < box[0].length; k += 1) {
      const ends = [map[axis][k] * box[0][k], map[axis][k] * box[1][k]];
      low += Math.min(...ends);
      high += Math.max(...ends);
    }
    return [low, high];
  });
  if (reach.some(([low, high], axis) => high < -2 || low > size[axis] + 2)) return null;
  return Math.hypot(...reach.map(([low, high], axis) => (low + high - size[axis]) / 2));
}

/** Values of nodes, fetched by need, kept up to a number of bytes. */
export class NodeStore {
  /**
   * @param {Scene} scene
   * @param {{onLoad: function(number): void, onError: function(Error): void, mostBytes?: number}} options
   */
  constructor(scene, { onLoad, onError, mostBytes = MOST_BYTES }) {
    Object.assign(this, { scene, onLoad, onError, mostBytes });
    this.entries = new Map();
    this.running = new Map();
    this.queue = [];
    this.bytes = 0;
    this.tick = 0;
    this.closed = false;
  }

  /** Values of a node, without fetching: {columns: Map of name to array, rows}. */
  get(id) {
    return this.entries.get(id) ?? null;
  }

  /** Whether all these columns of a node are here. */
  has(id, columns) {
    const entry = this.entries.get(id);
    return entry !== undefined && columns.every((name) => entry.columns.has(name));
  }

  /**
   * Fetch these nodes in this order: positions first, then the columns; give up what else is on its way.
   *
   * @param {number[]} ids
   * @param {string[]} columns
   */
  want(ids, columns) {
    this.tick += 1;
    const names = [POSITION, ...columns.filter((name) => name !== POSITION)];
    const wanted = new Map();
    for (const id of ids) {
      const entry = this.entries.get(id);
      if (entry) entry.used = this.tick;
      for (const name of names) if (!entry?.columns.has(name)) wanted.set(`${id} ${name}`, { id, name });
    }
    for (const [key, { abort }] of this.running) if (!wanted.has(key)) abort.abort();
    this.queue = [...wanted.entries()].filter(([key]) => !this.running.has(key));
    this.evict();
    this.pump();
  }

  /** Whether something is still on its way. */
  get busy() {
    return this.running.size + this.queue.length > 0;
  }

  pump() {
    while (this.running.size < PARALLEL && this.queue.length && !this.closed) {
      const [key, { id, name }] = this.queue.shift();
      const abort = new AbortController();
      this.running.set(key, { abort });
      this.fetch(id, name, abort.signal).finally(() => {
        if (this.running.get(key)?.abort === abort) this.running.delete(key);
        this.pump();
      });
    }
  }

  async fetch(id, name, signal) {
    try {
      const values = await this.scene.values(id, name, signal);
      if (this.closed) return;
      this.put(id, name, values);
      this.onLoad(id);
    } catch (error) {
      if (error.name !== "AbortError" && !this.closed) this.onError(error);
    }
  }

  put(id, name, values) {
    const entry = this.entries.get(id) ?? { id, rows: this.scene.nodes.get(id).rows, columns: new Map(), used: this.tick };
    if (!entry.columns.has(name)) this.bytes += values.byteLength;
    entry.columns.set(name, values);
    this.entries.set(id, entry);
  }

  /** Fetch columns of one node, for a localisation that is looked at. */
  async complete(id, names) {
    await Promise.all(names.map(async (name) => {
      if (!this.has(id, [name])) this.put(id, name, await this.scene.values(id, name));
    }));
    return this.entries.get(id);
  }

  evict() {
    if (this.bytes <= this.mostBytes) return;
    const old = [...this.entries.values()].filter((entry) => entry.used < this.tick).sort((a, b) => a.used - b.used);
    for (const entry of old) {
      if (this.bytes <= this.mostBytes) return;
      this.entries.delete(entry.id);
      for (const values of entry.columns.values()) this.bytes -= values.byteLength;
    }
  }

  /** Give up everything. */
  close() {
    this.closed = true;
    this.queue = [];
    for (const { abort } of this.running.values()) abort.abort();
    this.entries.clear();
  }
}
