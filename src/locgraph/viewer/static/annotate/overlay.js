/** What was said of the parts of a FOV, drawn over its localisations. */

import { categoryColour, neutral } from "../stage/palettes.js";

const ROUND = ["brush", "point"];
const POINT_PX = 7;
const CLUSTER_PX = 10;
const LABELLED_PX = 2.6;

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
 * @param {{classes: string[], dark: boolean, modelMatrix: (number[]|null), others: object[]}} look others: statements of
 *   other annotators, drawn as outlines alone.
 */
export function overlayLayers(statements, labelled, look) {
  const colourOf = (statement) => {
    const place = look.classes.indexOf(statement.label);
    return place < 0 ? neutral(look.dark) : categoryColour(place, look.dark);
  };
  const shared = { modelMatrix: look.modelMatrix, pickable: false };
  return [
    ...statementLayers("annotations", statements, colourOf, { ...shared, opacity: 1 }, 34),
    ...statementLayers("annotations-of-others", look.others, colourOf, { ...shared, opacity: 0.5 }, 0),
    labelled?.codes.length ? labelledLayer(labelled, look, shared) : null,
  ].filter(Boolean);
}

function labelledLayer({ positions, codes, dimensions }, look, shared) {
  const { ScatterplotLayer } = globalThis.deck;
  const colours = new Uint8Array(4 * codes.length);
  codes.forEach((code, row) => colours.set([...categoryColour(code - 1, look.dark), 235], 4 * row));
  return new ScatterplotLayer({
    ...shared,
    id: "annotated-localisations",
    data: {
      length: codes.length,
      attributes: {
        getPosition: { value: positions, size: dimensions },
        getFillColor: { value: colours, size: 4, normalized: true },
      },
    },
    radiusUnits: "pixels",
    getRadius: LABELLED_PX,
  });
}

function statementLayers(id, statements, colourOf, shared, alpha) {
  const { PolygonLayer, PathLayer, ScatterplotLayer } = globalThis.deck;
  const drawn = statements.filter((each) => each.points?.length);
  const areas = drawn.filter((each) => each.target === "region" && !ROUND.includes(each.tool) && each.radius === null);
  const strokes = drawn.filter((each) => each.target === "region" && !areas.includes(each));
  const spots = drawn.filter((each) => each.target === "point" || each.target === "cluster");
  return [
    new PolygonLayer({
      ...shared,
      id: `${id}-areas`,
      data: areas,
      getPolygon: (each) => each.points,
      getFillColor: (each) => [...colourOf(each), alpha],
      getLineColor: (each) => [...colourOf(each), 230],
      lineWidthUnits: "pixels",
      getLineWidth: (each) => (each.label === null ? 1 : 2),
      stroked: true,
      filled: true,
    }),
    new PathLayer({
      ...shared,
      id: `${id}-strokes`,
      data: strokes,
      // a path of one place has no length to be drawn with round ends
      getPath: (each) => (each.points.length > 1 ? each.points : [each.points[0], nudged(each.points[0], each.radius)]),
      getColor: (each) => [...colourOf(each), alpha ? 70 : 40],
      widthUnits: "common",
      getWidth: (each) => 2 * each.radius,
      capRounded: true,
      jointRounded: true,
    }),
    new ScatterplotLayer({
      ...shared,
      id: `${id}-spots`,
      data: spots,
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
