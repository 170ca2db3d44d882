/** What a stage shows and how: defaults, and sizes of localisations that follow the zoom. */

import { nmPerPixel } from "./camera.js";
import { PRECISION } from "./scene.js";

/** How a stage looks until it is told otherwise; the keys are those of the page's state. */
export const LOOK = {
  colour: { by: null, palette: null, range: null },
  filters: {},
  layers: { localisations: true, clusters: true, hulls: false, edges: new Set() },
  points: { unit: "auto", value: 2, opacity: 0.85 },
  dark: false,
};

/** Units of the size of a localisation. */
export const SIZES = [
  { unit: "auto", text: "fits the zoom" },
  { unit: "pixels", text: "pixels" },
  { unit: "nm", text: "nm" },
  { unit: "precision", text: "its precision" },
];

const SMALLEST_PX = 0.9;
const LARGEST_PX = 3.2;
const SHARE = 0.22;

/** Whether localisations of a scene have a precision that can be drawn. */
export function hasPrecision(scene) {
  return scene.columns.get(PRECISION)?.unit === "nm";
}

/**
 * Return the size of localisations: {unit: "pixels"|"nm"|"precision", radius, column}.
 *
 * "auto" is a share of their mean distance on the screen, between 0.9 and 3.2 pixels; a precision is a radius in nm.
 */
export function sizeOf(points, scene, camera) {
  if (points.unit === "precision" && hasPrecision(scene)) return { unit: "precision", radius: 1, column: PRECISION };
  if (points.unit === "nm") return { unit: "nm", radius: points.value, column: null };
  if (points.unit === "pixels") return { unit: "pixels", radius: points.value, column: null };
  return { unit: "pixels", radius: fittingRadius(scene, camera), column: null };
}

function fittingRadius(scene, camera) {
  const { box, n } = scene.header;
  const area = [0, 1].reduce((product, axis) => product * Math.max(box[1][axis] - box[0][axis], 1), 1);
  const distance = Math.sqrt(area / Math.max(n, 1)) / nmPerPixel(camera);
  return Math.min(Math.max(SHARE * distance, SMALLEST_PX), LARGEST_PX);
}
