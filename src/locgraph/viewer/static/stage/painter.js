/** Turns values of nodes into layers, and repaints only what changed: positions never travel twice. */

import { scoreScale } from "./colours.js";
import { clusterLayers, edgeLayer, localisationLayer } from "./layers.js";
import { categoryColour, css, neutral } from "./palettes.js";
import { POSITION } from "./scene.js";

const FULL = 255;

export class Painter {
  /** @param {Scene} scene @param {NodeStore} store */
  constructor(scene, store) {
    Object.assign(this, { scene, store });
    this.drawn = new Map();
    this.clusterColours = { key: null, values: null };
    this.edgeColours = new Map();
  }

  /**
   * Return the layers of these nodes.
   *
   * A node whose new colours or filters are still on their way keeps its old ones.
   *
   * @param {number[]} ids
   * @param {object} look {mode, size: {unit, value}, opacity, colouring, filters, ...}.
   */
  localisations(ids, look) {
    for (const id of this.drawn.keys()) if (!this.store.get(id)) this.drawn.delete(id);
    const shown = ids.map((id) => this.paint(id, look)).filter((drawn) => drawn !== null);
    const own = this.layerLook(look);
    return shown.map((drawn) => localisationLayer(drawn, radiiKnown(drawn, own)));
  }

  layerLook({ mode, filters, size, radius }) {
    const inNm = size.unit !== "pixels";
    const radii = size.unit === "precision" ? size.column : null;
    const unit = inNm ? "common" : "pixels";
    return { mode, filters, unit, radii, radius, smallest: inNm ? 0.6 : 0, dimensions: this.scene.dimensions };
  }

  paint(id, { colouring, filters, opacity }) {
    if (!this.store.has(id, [POSITION])) return null;
    const drawn = this.drawn.get(id) ?? { id, entry: this.store.get(id), colours: null, colourKey: null, packed: null, filterKey: null };
    drawn.entry = this.store.get(id);
    const alpha = Math.round(FULL * opacity);
    const colourKey = `${colouring.key} ${alpha}`;
    if (drawn.colourKey !== colourKey && this.store.has(id, colouring.columns)) {
      drawn.colours = colouring.paint(drawn.entry, alpha);
      drawn.colourKey = colourKey;
    }
    const filterKey = filters.active ? filters.key : null;
    if (drawn.filterKey !== filterKey && this.store.has(id, filters.columns)) {
      drawn.packed = filters.active ? filters.pack(drawn.entry) : null;
      drawn.filterKey = filterKey;
    }
    const ready = drawn.colours !== null && (drawn.packed !== null || !filters.active);
    this.drawn.set(id, drawn);
    return ready ? drawn : null;
  }

  /** Values of the nodes that are drawn, for picking and counting. */
  entries(ids, filters) {
    return ids.map((id) => this.store.get(id)).filter((entry) => entry && this.store.has(entry.id, [POSITION, ...filters.columns]));
  }

  /** Return the layers of clusters, coloured by their scores, or as their localisations. */
  clusters(clusters, look) {
    if (!clusters) return [];
    const colours = this.coloursOfClusters(clusters, look);
    const size = clusters.ids.length > 400 ? 2.5 : 4.5;
    return clusterLayers(this.scene, clusters, { ...look, colours, size, dimensions: this.scene.dimensions });
  }

  coloursOfClusters(clusters, { scores, colour, dark, byCluster }) {
    const scale = scores?.level === "cluster" ? scoreScale(scores, colour, dark) : null;
    const key = scale ? `${scores.version} ${scale.key} ${dark}` : `${byCluster} ${dark}`;
    if (this.clusterColours.key !== key) {
      const values = new Uint8Array(4 * clusters.ids.length);
      const one = dark ? [240, 238, 234] : [29, 31, 36];
      clusters.ids.forEach((id, index) => {
        const rgb = scale ? scale.rgb(scores.values[index]) : byCluster ? categoryColour(id, dark) : one;
        values.set([...rgb, FULL], 4 * index);
      });
      this.clusterColours = { key, values };
    }
    return this.clusterColours.values;
  }

  /** CSS colour of a cluster as it is drawn. */
  colourOfCluster(index, dark) {
    const { values } = this.clusterColours;
    return css(values ? values.subarray(4 * index, 4 * index + 3) : neutral(dark));
  }

  /** Return the layer of one type of edges, coloured by their scores where there are some. */
  edges(k, ends, look) {
    const own = { mode: look.mode, dimensions: this.scene.dimensions, colours: null };
    if (look.scores?.level === "edge" && look.scores.k === k) own.colours = this.coloursOfEdges(k, look);
    return edgeLayer(k, ends, own);
  }

  coloursOfEdges(k, { scores, colour, dark }) {
    const scale = scoreScale(scores, colour, dark);
    const key = `${scores.version} ${scale.key} ${dark}`;
    if (this.edgeColours.get(k)?.key !== key) {
      const values = new Uint8Array(4 * scores.values.length);
      scores.values.forEach((score, edge) => {
        const faint = Math.abs(score) < (scores.threshold ?? 0);
        values.set([...scale.rgb(score), faint ? 50 : 230], 4 * edge);
      });
      this.edgeColours.set(k, { key, values, legend: scale.legend });
    }
    return this.edgeColours.get(k).values;
  }
}

/** Radii of a node that are still on their way are drawn as one nm. */
function radiiKnown({ entry }, look) {
  return look.radii && !entry.columns.has(look.radii) ? { ...look, radii: null, radius: 1 } : look;
}
