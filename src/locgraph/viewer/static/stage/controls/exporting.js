/** Files of what a stage shows: picture, drawing, table. */

import { short, svg } from "../../dom.js";
import { notify } from "../../notice.js";
import { url } from "../../api.js";
import { css } from "../palettes.js";
import { EDGE_COLOURS, edgeOpacity } from "../layers.js";
import { ink, marksToCanvas, marksToSvg, tidy } from "../over/marks.js";
import { POSITION } from "../scene.js";

/** Up to so many localisations in view an SVG holds each as a circle; of more it holds a picture. */
const MOST_CIRCLES = 20_000;

const FINE = 2;

/**
 * Return a picture with all that lies over it, as a canvas of `fine` pixels per pixel of the screen.
 *
 * @param {Stage} stage
 * @param {number} fine
 * @param {boolean} marks whether scale bar, axes and legend are part of it.
 */
export function picture(stage, fine, marks = true) {
  const [width, height] = stage.size;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(width * fine), height: Math.round(height * fine) });
  const context = canvas.getContext("2d");
  context.fillStyle = ink("paper", stage.look.dark);
  if (marks) context.fillRect(0, 0, canvas.width, canvas.height);
  drawScene(stage, fine, context, canvas);
  context.scale(fine, fine);
  if (marks) marksToCanvas(context, stage.overlay.marks(), stage.look.dark);
  return canvas;
}

/** Draw the scene at its own fineness and copy it at once: the browser clears the drawing after each frame. */
function drawScene(stage, fine, context, canvas) {
  const { deck } = stage;
  const before = deck.props.useDevicePixels;
  deck.setProps({ useDevicePixels: fine });
  deck.redraw("export");
  context.drawImage(stage.canvas, 0, 0, canvas.width, canvas.height);
  deck.setProps({ useDevicePixels: before });
  deck.redraw("export");
}

/** Save a PNG. */
export async function saveImage(stage, fine) {
  const canvas = picture(stage, fine);
  save(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), fileName(stage, "png"));
}

/** Save an SVG, and say whether localisations are circles or a picture in it. */
export function saveVector(stage) {
  const { text, circles } = vector(stage);
  save(new Blob([text], { type: "image/svg+xml" }), fileName(stage, "svg"));
  const most = short(MOST_CIRCLES);
  if (circles === null) notify(`More than ${most} localisations are in view: the SVG holds them as a picture. Zoom in, or filter, to get circles.`);
}

/** Return {text, circles}: the SVG, and how many localisations are circles in it; null where they are a picture. */
export function vector(stage) {
  const [width, height] = stage.size;
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  root.append(svg("title", {}, stage.overlay.words.textContent), svg("rect", { width, height, fill: ink("paper", stage.look.dark) }));
  const dots = visibleDots(stage);
  if (dots === null) root.append(svg("image", { width, height, href: picture(stage, FINE, false).toDataURL("image/png") }));
  else root.append(...edgeLines(stage), circleGroup(stage, dots), ...clusterShapes(stage));
  root.append(...marksToSvg(stage.overlay.marks(), stage.look.dark));
  return { text: new XMLSerializer().serializeToString(root), circles: dots?.length ?? null };
}

/** Localisations in view as [x, y, colour, radius]; null where there are too many. */
function visibleDots(stage) {
  const { map, size, scene, filters, point } = stage;
  const scale = 2 ** stage.camera.zoom;
  const dots = [];
  for (const entry of stage.entries) {
    const place = entry.columns.get(POSITION);
    const colours = stage.painter.drawn.get(entry.id)?.colours;
    for (let row = 0; colours && row < entry.rows; row += 1) {
      const at = place.subarray(row * scene.dimensions, (row + 1) * scene.dimensions);
      const [x, y] = map.slice(0, 2).map((line) => line[0] * at[0] + line[1] * at[1] + line[2] * (at[2] ?? 0) + line[3]);
      if (x < 0 || y < 0 || x > size[0] || y > size[1] || !filters.passes(entry, row)) continue;
      const own = point.column ? entry.columns.get(point.column)?.[row] ?? 1 : point.radius;
      const radius = point.unit === "pixels" ? own : Math.max(own * scale, 0.6);
      dots.push([x, y, css(colours.subarray(4 * row, 4 * row + 3)), radius]);
      if (dots.length > MOST_CIRCLES) return null;
    }
  }
  return dots;
}

function circleGroup(stage, dots) {
  const group = svg("g", { "fill-opacity": stage.look.points.opacity });
  group.append(...dots.map(([x, y, fill, r]) => svg("circle", { cx: tidy(x), cy: tidy(y), r: tidy(r), fill })));
  return group;
}

function clusterShapes(stage) {
  const { clusters, dimensions } = stage.scene;
  const { layers, dark } = stage.look;
  if (!clusters) return [];
  const shapes = [];
  clusters.ids.forEach((_, index) => {
    const colour = stage.painter.colourOfCluster(index, dark);
    if (layers.hulls && clusters.hulls) shapes.push(hullPath(stage, clusters.hulls, index, colour));
    const centre = Array.from(clusters.centres.subarray(index * dimensions, (index + 1) * dimensions));
    const [cx, cy] = stage.toScreen(centre).map(tidy);
    if (layers.clusters) shapes.push(svg("circle", { cx, cy, r: 4.5, fill: colour, stroke: ink("paper", dark), "stroke-width": 1.25 }));
  });
  return shapes;
}

function hullPath(stage, { kind, starts, vertices }, index, colour) {
  const corners = vertices.slice(starts[index], starts[index + 1]).map((place) => stage.toScreen(place).map(tidy).join(" "));
  const pairs = kind === "segments";
  const path = corners.map((corner, k) => `${(pairs ? k % 2 === 0 : k === 0) ? "M" : "L"}${corner}`).join("");
  return svg("path", { d: pairs || !path ? path : `${path}Z`, fill: "none", stroke: colour, "stroke-width": 1.25, "stroke-opacity": pairs ? 0.35 : 0.85 });
}

function edgeLines(stage) {
  const { scene, look } = stage;
  return [...look.layers.edges].filter((k) => scene.edges.has(k)).map((k) => {
    const ends = scene.edges.get(k);
    const lines = [];
    for (let at = 0; at < ends.length; at += 2 * scene.dimensions) {
      const [from, to] = [at, at + scene.dimensions].map((start) => stage.toScreen(Array.from(ends.subarray(start, start + scene.dimensions))));
      lines.push(`M${from.map(tidy).join(" ")}L${to.map(tidy).join(" ")}`);
    }
    return svg("path", { d: lines.join(""), fill: "none", stroke: css(EDGE_COLOURS[k % EDGE_COLOURS.length]), "stroke-opacity": edgeOpacity(lines.length) });
  });
}

/** Save the rows of the read table that pass the filters, as the server has them. */
export function saveTable(stage, format) {
  const filters = encodeURIComponent(JSON.stringify(stage.look.filters));
  const link = document.createElement("a");
  Object.assign(link, { href: url(`${stage.scene.path}/table?format=${format}&filters=${filters}`), download: fileName(stage, format) });
  link.click();
}

function save(blob, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function fileName(stage, extension) {
  return `${stage.scene.header.fov_id.replace(/[^\w.-]+/g, "_")}.${extension}`;
}
