/** What was said of the parts of a FOV, drawn over its localisations. */

import { categoryColour, neutral } from "../stage/palettes.js";

const POINT_PX = 7;
const CLUSTER_PX = 10;
const LABELLED_PX = 2;
const SMALLEST_PX = 1.4;

/** How much larger localisations with a class are than others. */
const LARGER = 1.2;

/** How much of the localisations fades while parts are marked, of 255. */
const VEIL = 150;

/**
 * @typedef {{positions: Float32Array, codes: Uint8Array, dimensions: number}} Labelled
 * Localisations that have a class: (M, D) nm relative to the origin, and 1 for the first class.
 */

/** Read the answer of api/annotations/f/{i}/labelled. */
export function readLabelled(bytes, dimensions) {
  const n = bytes.byteLength / (4 * dimensions + 1);
  return {
    positions: new Float32Array(bytes, 0, n * dimensions),
    codes: new Uint8Array(bytes, 4 * n * dimensions),
    dimensions,
  };
}

/**
 * Return layers of deck.gl for what an annotator said.
 *
 * @param {object[]} statements
 * @param {Labelled|null} labelled
 * @param {object} look
 * @param {string[]} look.classes
 * @param {boolean} look.dark
 * @param {object} look.frame `layerFrame` of the stage.
 * @param {boolean} look.flat Whether the FOV is seen from above.
 * @param {{unit: string, radius: number}} look.size Size of localisations on the stage.
 * @param {object[]} look.others Statements of other annotators, drawn faintly.
 * @param {number[][]|null} look.veiled Box of what fades behind the classes; null where nothing does.
 */
export function overlayLayers(statements, labelled, look) {
  const colourOf = (statement) => {
    const place = look.classes.indexOf(statement.label);
    return place < 0 ? neutral(look.dark) : categoryColour(place, look.dark);
  };
  const shared = { ...look.frame, pickable: false, parameters: { depthCompare: look.flat ? "always" : "less-equal" } };
  return [
    look.veiled ? veilLayer(look, shared) : null,
    ...statementLayers("annotations-of-others", look.others, colourOf, { ...shared, opacity: 0.45 }),
    ...statementLayers("annotations", statements, colourOf, shared),
    labelled?.codes.length ? labelledLayer(labelled, look, shared) : null,
  ].filter(Boolean);
}

/** A pane between the localisations and those that have a class: one stroke as wide as the FOV. */
function veilLayer({ veiled, dark }, shared) {
  const [low, high] = veiled;
  const wide = 4 * Math.max(high[0] - low[0], high[1] - low[1], 1);
  const [x, y] = [0, 1].map((axis) => (low[axis] + high[axis]) / 2);
  return new globalThis.deck.PathLayer({
    ...shared,
    id: "annotation-veil",
    data: [[[x - wide / 2, y], [x + wide / 2, y]]],
    getPath: (each) => each,
    getColor: dark ? [14, 16, 19, VEIL] : [255, 255, 255, VEIL],
    widthUnits: "common",
    getWidth: wide,
  });
}

function labelledLayer(labelled, look, shared) {
  const { positions, codes, dimensions } = labelled;
  const flat = look.flat && dimensions === 3;
  return new globalThis.deck.ScatterplotLayer({
    ...shared,
    id: "annotated-localisations",
    data: {
      length: codes.length,
      attributes: {
        getPosition: { value: flat ? withoutDepth(positions) : positions, size: flat ? 2 : dimensions },
        getFillColor: { value: coloursOf(labelled, look.dark), size: 4, normalized: true },
      },
    },
    radiusUnits: look.size.unit === "nm" ? "common" : "pixels",
    getRadius: look.size.unit === "precision" ? LABELLED_PX : look.size.radius,
    // nothing fades behind them in 3D
    radiusScale: look.flat ? LARGER : 1.5 * LARGER,
    radiusMinPixels: SMALLEST_PX,
    billboard: true,
  });
}

/** Colours (M, 4), made once for each theme. */
function coloursOf(labelled, dark) {
  if (labelled.dark !== dark) {
    const colours = new Uint8Array(4 * labelled.codes.length);
    labelled.codes.forEach((code, row) => colours.set([...categoryColour(code - 1, dark), 255], 4 * row));
    Object.assign(labelled, { dark, colours });
  }
  return labelled.colours;
}

/** Positions (M, 3) as seen from above. */
function withoutDepth(positions) {
  return positions.filter((_, place) => place % 3 < 2);
}

/** Outlines alone: which localisations are meant is seen in their colours. */
function statementLayers(id, statements, colourOf, shared) {
  const { PathLayer, ScatterplotLayer } = globalThis.deck;
  const drawn = statements.filter((each) => each.points?.length);
  const regions = drawn.filter((each) => each.target === "region");
  return [
    new PathLayer({
      ...shared,
      id: `${id}-strokes`,
      data: regions.filter((each) => each.radius !== null),
      // a path of one place has no length to be drawn with round ends
      getPath: (each) => (each.points.length > 1 ? each.points : [each.points[0], nudged(each.points[0], each.radius)]),
      getColor: (each) => [...colourOf(each), 70],
      widthUnits: "common",
      getWidth: (each) => 2 * each.radius,
      capRounded: true,
      jointRounded: true,
    }),
    new PathLayer({
      ...shared,
      id: `${id}-areas`,
      data: regions.filter((each) => each.radius === null),
      getPath: (each) => [...each.points, each.points[0]],
      getColor: (each) => [...colourOf(each), 235],
      widthUnits: "pixels",
      getWidth: (each) => (each.label === null ? 1 : 2),
      jointRounded: true,
    }),
    new ScatterplotLayer({
      ...shared,
      id: `${id}-spots`,
      data: drawn.filter((each) => each.target !== "region"),
      getPosition: (each) => each.points[0],
      getFillColor: (each) => [...colourOf(each), each.target === "point" ? 150 : 0],
      getLineColor: (each) => [...colourOf(each), 255],
      radiusUnits: "pixels",
      getRadius: (each) => (each.target === "point" ? POINT_PX : CLUSTER_PX),
      lineWidthUnits: "pixels",
      getLineWidth: 2.5,
      stroked: true,
    }),
  ];
}

function nudged([x, y], radius) {
  return [x + radius * 1e-3, y];
}
