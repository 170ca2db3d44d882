/** Scale bar and axes, in nm or um of the coordinates of the file. */

import { axesOnScreen, nmPerPixel, project, unproject } from "../camera.js";
import { lengthText, numberText, roundBelow, ticks } from "../numbers.js";

const LONGEST_BAR = 0.22;
const TICK_PX = 5;
const TICK_EVERY_PX = 90;
const EDGE_EVERY_PX = 60;
const LABELS = 6;
const NAMES = ["x", "y", "z"];
// pixels without ticks at both ends of x and of y: for the names of the axes, and the name of the FOV
const FREE = [[84, 60], [34, 34]];
const RIGHT_FREE = 18;
const BOTTOM_FREE = 40;

/** Return the marks of the scale bar, at the lower right, and its length in nm. */
export function scaleBar(camera, size) {
  const length = roundBelow(Math.max(size[0] * LONGEST_BAR, 40) * nmPerPixel(camera));
  const pixels = length / nmPerPixel(camera);
  const [right, y] = [size[0] - RIGHT_FREE, size[1] - BOTTOM_FREE];
  const marks = [
    { kind: "rect", at: [right - pixels - 1.5, y - 1.5], size: [pixels + 3, 7], colour: "paper", opacity: 0.75, round: 2 },
    { kind: "rect", at: [right - pixels, y], size: [pixels, 4], colour: "ink", round: 1 },
    { kind: "text", at: [right - pixels / 2, y - 7], text: lengthText(length), anchor: "middle", size: 12, weight: 600 },
  ];
  return { marks, length, pixels };
}

/** Return the marks of the axes: along two sides of the picture in 2D, along edges of the box in 3D. */
export function axes(camera, size, map, scene) {
  return camera.mode === "2d" ? flatAxes(camera, size, scene.origin) : boxAxes(map, scene);
}

function flatAxes(camera, size, origin) {
  const [low, high] = [unproject(camera, size, [0, 0]), unproject(camera, size, size)];
  const unit = unitFor((high[0] - low[0]) / Math.max(size[0] / TICK_EVERY_PX, 1));
  const marks = [];
  [0, 1].forEach((axis) => {
    const range = [low[axis] + origin[axis], high[axis] + origin[axis]];
    const values = ticks(range[0] / unit.scale, range[1] / unit.scale, size[axis] / TICK_EVERY_PX);
    const step = values.length > 1 ? values[1] - values[0] : 1;
    for (const value of values) {
      const at = ((value * unit.scale - range[0]) / (range[1] - range[0])) * size[axis];
      if (at < FREE[axis][0] || at > size[axis] - FREE[axis][1]) continue;
      marks.push(...flatTick(axis, at, size, tickText(value, step)));
    }
  });
  const title = { kind: "text", size: 10, colour: "soft" };
  marks.push({ ...title, at: [size[0] - 8, size[1] - 8], text: `x (${unit.name})`, anchor: "end" });
  marks.push({ ...title, at: [8, size[1] - 8], text: `y ↓ (${unit.name})` });
  return marks;
}

function flatTick(axis, at, size, text) {
  if (axis === 1) {
    return [
      { kind: "line", points: [[0, at], [TICK_PX, at]], colour: "soft" },
      { kind: "text", at: [TICK_PX + 3, at + 3.5], text, size: 10, colour: "soft" },
    ];
  }
  return [
    { kind: "line", points: [[at, size[1]], [at, size[1] - TICK_PX]], colour: "soft" },
    { kind: "text", at: [at, size[1] - TICK_PX - 4], text, anchor: "middle", size: 10, colour: "soft" },
  ];
}

/** Edges of the box around all localisations, and ticks along one edge of each axis. */
function boxAxes(map, scene) {
  const box = scene.header.box;
  const corners = Array.from({ length: 8 }, (_, code) => NAMES.map((__, axis) => box[(code >> axis) & 1][axis]));
  const unit = unitFor(Math.max(...box[0].map((low, axis) => box[1][axis] - low)) / LABELS);
  const marks = [];
  NAMES.forEach((name, axis) => {
    const edges = [];
    for (let code = 0; code < 8; code += 1) {
      if (code & (1 << axis)) continue;
      const ends = [corners[code], corners[code | (1 << axis)]];
      const pixels = ends.map((end) => project(map, end));
      edges.push({ ends, pixels });
      marks.push({ kind: "line", points: pixels, colour: "line" });
    }
    marks.push(...edgeTicks(axis, chosenEdge(edges, axis), unit, scene, project(map, middle(box))));
  });
  return marks;
}

function middle(box) {
  return box[0].map((low, axis) => (low + box[1][axis]) / 2);
}

/** The lowest edge of x and of y, the leftmost of z: labels then lie outside of the box. */
function chosenEdge(edges, axis) {
  const sum = ({ pixels }) => (axis === 2 ? -(pixels[0][0] + pixels[1][0]) : pixels[0][1] + pixels[1][1]);
  return edges.reduce((best, edge) => (sum(edge) > sum(best) ? edge : best));
}

function edgeTicks(axis, { ends, pixels }, unit, scene, centre) {
  const [from, to] = ends.map((end) => end[axis] + scene.origin[axis]);
  const length = Math.hypot(pixels[1][0] - pixels[0][0], pixels[1][1] - pixels[0][1]);
  if (length < 24) return [];
  const count = Math.max(length / EDGE_EVERY_PX, 1);
  const values = ticks(from / unit.scale, to / unit.scale, count);
  const step = values.length > 1 ? values[1] - values[0] : 1;
  const half = [0, 1].map((k) => (pixels[0][k] + pixels[1][k]) / 2);
  const away = outwards(half, pixels, centre);
  const anchor = away[0] > 0.4 ? "start" : away[0] < -0.4 ? "end" : "middle";
  const label = (at, far, text, look) => ({ kind: "text", at: [at[0] + far * away[0], at[1] + far * away[1] + 4], text, anchor, size: 10, ...look });
  const marks = values.flatMap((value) => {
    const share = (value * unit.scale - from) / (to - from);
    const at = [0, 1].map((k) => pixels[0][k] + share * (pixels[1][k] - pixels[0][k]));
    const end = at.map((one, k) => one + TICK_PX * away[k]);
    return [{ kind: "line", points: [at, end], colour: "soft" }, label(at, 11, tickText(value, step), { colour: "soft" })];
  });
  return [...marks, label(half, 44, `${NAMES[axis]} (${unit.name})`, { weight: 600, colour: "soft" })];
}

/** The direction on the screen that leads away from the box, at right angles to an edge. */
function outwards(half, pixels, centre) {
  const [dx, dy] = [pixels[1][0] - pixels[0][0], pixels[1][1] - pixels[0][1]];
  const length = Math.hypot(dx, dy);
  const normal = [-dy / length, dx / length];
  const sign = (half[0] - centre[0]) * normal[0] + (half[1] - centre[1]) * normal[1] < 0 ? -1 : 1;
  return [sign * normal[0], sign * normal[1]];
}

function unitFor(step) {
  return step >= 500 ? { scale: 1000, name: "µm" } : { scale: 1, name: "nm" };
}

/** Ticks of one axis have equally many decimals. */
function tickText(value, step) {
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(step)) + 1e-9));
  return decimals > 6 ? numberText(value) : value.toFixed(decimals).replace(/^-0(\.0+)?$/, "0").replace("-", "−");
}

/** Marks of a small cross of axes at a corner in 3D, whatever is in view. */
export function gizmo(camera, size) {
  if (camera.mode === "2d") return [];
  const at = [44, size[1] - 44];
  return axesOnScreen(camera).flatMap(([right, down], axis) => {
    const end = [at[0] + 26 * right, at[1] + 26 * down];
    const label = [at[0] + 36 * right, at[1] + 36 * down + 4];
    return [
      { kind: "line", points: [at, end], width: 1.75, colour: "ink" },
      { kind: "text", at: label, text: NAMES[axis], anchor: "middle", size: 11, weight: 600 },
    ];
  });
}
