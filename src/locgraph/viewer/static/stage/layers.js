/** Layers of deck.gl: localisations of the visible nodes, clusters with outlines, edges. */

import { MIRROR } from "./camera.js";
import { POSITION } from "./scene.js";

const { DataFilterExtension, LineLayer, PathLayer, ScatterplotLayer } = globalThis.deck ?? {};

quietenReflection(globalThis.luma?.log);

const filtering = DataFilterExtension ? new DataFilterExtension({ filterSize: 4 }) : null;

/** Colours of edges, by the number of their type. */
export const EDGE_COLOURS = [[213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [0, 114, 178]];

/**
 * Return the layer of one node.
 *
 * @param {object} drawn what `Painter` keeps of the node: {id, entry, colours, packed}.
 * @param {object} look {mode, dimensions, radius, unit, radii: column of radii or null, smallest, filters}.
 */
export function localisationLayer(drawn, look) {
  const flat = look.mode === "2d";
  const { entry, colours, packed } = drawn;
  const attributes = {
    getPosition: { value: entry.columns.get(POSITION), size: flat ? 2 : 3, stride: 4 * look.dimensions },
    getFillColor: { value: colours, size: 4, normalized: true },
  };
  if (packed) attributes.getFilterValue = { value: packed, size: 4 };
  if (look.radii) attributes.getRadius = { value: entry.columns.get(look.radii), size: 1 };
  return new ScatterplotLayer({
    id: `localisations-${look.mode}-${look.radii ?? "same"}-${drawn.id}`,
    data: memoized(drawn, attributes, entry.rows),
    radiusUnits: look.unit === "pixels" ? "pixels" : "common",
    radiusScale: look.radii ? 1 : look.radius,
    radiusMinPixels: look.smallest,
    getRadius: 1,
    stroked: false,
    billboard: true,
    antialiasing: flat,
    extensions: [filtering],
    filterEnabled: packed !== null,
    filterRange: look.filters.ranges,
    ...frame(look.mode),
  });
}

/** Keep the data object as long as its arrays are the same: a new one makes deck.gl look at every attribute. */
function memoized(drawn, attributes, length) {
  const values = Object.values(attributes).flatMap(({ value, size }) => [value, size]);
  const same = drawn.data && drawn.values.length === values.length && values.every((one, k) => one === drawn.values[k]);
  if (!same) Object.assign(drawn, { values, data: { length, attributes } });
  return drawn.data;
}

/** Return the layers of clusters: outlines and centres. */
export function clusterLayers(scene, clusters, look) {
  const layers = [];
  if (look.hulls && clusters.hulls) layers.push(hullLayer(scene, clusters, look));
  if (look.centres) {
    layers.push(new ScatterplotLayer({
      id: `clusters-${look.mode}`,
      data: {
        length: clusters.ids.length,
        attributes: {
          getPosition: place(clusters.centres, look),
          getFillColor: { value: look.colours, size: 4, normalized: true },
        },
      },
      radiusUnits: "pixels",
      getRadius: look.size,
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 1.25,
      getLineColor: look.dark ? [14, 16, 19] : [255, 255, 255],
      billboard: true,
      ...frame(look.mode),
    }));
  }
  return layers;
}

function hullLayer(scene, { hulls, ids }, look) {
  const { starts, vertices } = hulls;
  const common = { id: `hulls-${look.mode}-${hulls.kind}`, widthUnits: "pixels", getWidth: 1.25, ...frame(look.mode) };
  const dimensions = scene.dimensions;
  const colourOf = (cluster) => [look.colours[4 * cluster], look.colours[4 * cluster + 1], look.colours[4 * cluster + 2], 215];
  const at = (vertex) => vertices[vertex].slice(0, look.mode === "2d" ? 2 : dimensions);
  if (hulls.kind === "segments") {
    const lines = ids.flatMap((_, cluster) => {
      const count = (starts[cluster + 1] - starts[cluster]) / 2;
      return Array.from({ length: count }, (__, k) => ({ cluster, from: at(starts[cluster] + 2 * k), to: at(starts[cluster] + 2 * k + 1) }));
    });
    return new LineLayer({
      ...common,
      data: lines,
      getSourcePosition: (line) => line.from,
      getTargetPosition: (line) => line.to,
      getColor: (line) => [...colourOf(line.cluster).slice(0, 3), 90],
      updateTriggers: { getColor: look.colours },
    });
  }
  return new PathLayer({
    ...common,
    data: ids.map((_, cluster) => cluster).filter((cluster) => starts[cluster + 1] - starts[cluster] > 1),
    getPath: (cluster) => closed(starts, cluster, at),
    getColor: colourOf,
    jointRounded: true,
    updateTriggers: { getColor: look.colours },
  });
}

function closed(starts, cluster, at) {
  const path = [];
  for (let vertex = starts[cluster]; vertex < starts[cluster + 1]; vertex += 1) path.push(at(vertex));
  return [...path, path[0]];
}

/** Many edges are fainter, so that what they join is still seen. */
export function edgeOpacity(n) {
  return Math.min(Math.max(6 / Math.sqrt(Math.max(n, 1)), 0.15), 0.7);
}

/** Return the layer of one type of edges. */
export function edgeLayer(k, ends, look) {
  const stride = 8 * look.dimensions;
  const size = look.mode === "2d" ? 2 : 3;
  const [r, g, b] = EDGE_COLOURS[k % EDGE_COLOURS.length];
  const attributes = {
    getSourcePosition: { value: ends, size, stride, offset: 0 },
    getTargetPosition: { value: ends, size, stride, offset: 4 * look.dimensions },
  };
  if (look.colours) attributes.getColor = { value: look.colours, size: 4, normalized: true };
  return new LineLayer({
    id: `edges-${look.mode}-${k}-${look.colours ? "scores" : "plain"}`,
    data: { length: ends.length / (2 * look.dimensions), attributes },
    widthUnits: "pixels",
    getWidth: look.colours ? 1.75 : 1,
    getColor: [r, g, b, Math.round(255 * edgeOpacity(ends.length / (2 * look.dimensions)))],
    ...frame(look.mode),
  });
}

function place(values, look) {
  return { value: values, size: look.mode === "2d" ? 2 : 3, stride: 4 * look.dimensions };
}

/** y points downwards in both frames; in 2D what is drawn later lies above. */
function frame(mode) {
  if (mode === "3d") return { modelMatrix: MIRROR };
  return { parameters: { depthCompare: "always", depthWriteEnabled: false } };
}

/**
 * Leave out one message of luma.gl (in deck.gl 9.4.0): it compares "bool" in the shader of DataFilterExtension with
 * "i32" in its description, and says that they differ; their layout is the same, and the filter works.
 */
function quietenReflection(log) {
  if (!log) return;
  const once = log.once.bind(log);
  log.once = (level, message, ...others) =>
    /uniform block reflection failed for "dataFilterUniforms"/.test(message) ? () => {} : once(level, message, ...others);
}
