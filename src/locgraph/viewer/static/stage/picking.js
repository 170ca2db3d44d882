/**
 * Which localisation or cluster lies at a pixel.
 *
 * The positions of all drawn nodes are here anyway: looking through them is exact, sees what the filters hide, and
 * costs no second picture.
 */

import { POSITION } from "./scene.js";

/**
 * Return the localisation whose picture is closest to a pixel; of equally close ones in 3D the nearest.
 *
 * @param {object[]} entries values of the drawn nodes.
 * @param {number[][]} map from nm to pixels.
 * @param {number[]} at pixel.
 * @param {{reach: number, dimensions: number, flat: boolean, passes: function(object, number): boolean}} options
 * @returns {{entry: object, index: number, off: number}|null} off: distance in pixels.
 */
export function closestLocalisation(entries, map, at, { reach, dimensions, flat, passes }) {
  const [mx, my, mz] = map;
  let best = null;
  let [least, nearest] = [reach * reach, -Infinity];
  for (const entry of entries) {
    const values = entry.columns.get(POSITION);
    for (let index = 0, k = 0; index < entry.rows; index += 1, k += dimensions) {
      const [x, y, z] = [values[k], values[k + 1], dimensions === 3 ? values[k + 2] : 0];
      const dx = mx[0] * x + mx[1] * y + mx[2] * z + mx[3] - at[0];
      if (dx > reach || dx < -reach) continue;
      const dy = my[0] * x + my[1] * y + my[2] * z + my[3] - at[1];
      const off = dx * dx + dy * dy;
      if (off > least) continue;
      const depth = flat ? 0 : mz[0] * x + mz[1] * y + mz[2] * z + mz[3];
      if (off === least && best && depth <= nearest) continue;
      if (!passes(entry, index)) continue;
      [best, least, nearest] = [{ entry, index }, off, depth];
    }
  }
  return best && { ...best, off: Math.sqrt(least) };
}

/** Return the cluster whose centre is closest to a pixel: {index, off}; null where none is within reach. */
export function closestCluster(clusters, map, at, reach) {
  const { centres, dimensions } = clusters;
  let best = null;
  for (let index = 0; index < clusters.ids.length; index += 1) {
    const place = [0, 1, 2].map((axis) => (axis < dimensions ? centres[index * dimensions + axis] : 0));
    const [x, y] = map.slice(0, 2).map((row) => row[0] * place[0] + row[1] * place[1] + row[2] * place[2] + row[3]);
    const off = Math.hypot(x - at[0], y - at[1]);
    if (off <= (best?.off ?? reach)) best = { index, off };
  }
  return best;
}

/** Return the index of the smallest outlined cluster around a place in 2D; -1 where there is none. */
export function outlineAround(clusters, place) {
  const { hulls } = clusters;
  if (hulls?.kind !== "polygons") return -1;
  let [best, least] = [-1, Infinity];
  for (let index = 0; index < clusters.ids.length; index += 1) {
    const corners = hulls.vertices.slice(hulls.starts[index], hulls.starts[index + 1]);
    if (corners.length < 3 || !contains(corners, place)) continue;
    const size = area(corners);
    if (size < least) [best, least] = [index, size];
  }
  return best;
}

/** Whether a place lies inside a polygon, by the half-open rule at its edges. */
export function contains(corners, [x, y]) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
    const [[xi, yi], [xj, yj]] = [corners[i], corners[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function area(corners) {
  let twice = 0;
  corners.forEach(([x, y], k) => {
    const [nx, ny] = corners[(k + 1) % corners.length];
    twice += x * ny - nx * y;
  });
  return Math.abs(twice) / 2;
}
