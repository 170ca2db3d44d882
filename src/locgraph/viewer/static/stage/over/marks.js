/**
 * What lies over a picture: scale bar, axes, legend, measurements. Each is a list of marks, which are drawn alike on the
 * screen (SVG), into an exported PNG (canvas) and into an exported SVG.
 *
 * A mark is {kind: "line", points, width, colour, dash} | {kind: "text", at, text, anchor, size, weight, colour} |
 * {kind: "rect", at, size, colour, opacity, round} | {kind: "dot", at, radius, colour, ring}. Colours are names of INKS
 * or CSS colours.
 */

import { svg } from "../../dom.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Colours by their use, on a light and on a dark background. */
const INKS = {
  light: { paper: "#ffffff", ink: "#1d1f24", soft: "#5b5f6a", line: "#c9c6bf", accent: "#0072b2", mark: "#b34700" },
  dark: { paper: "#0e1013", ink: "#f0eeea", soft: "#a5a8b0", line: "#3d424c", accent: "#56b4e9", mark: "#ffb000" },
};

/** Return the CSS colour of an ink. */
export function ink(name, dark) {
  return INKS[dark ? "dark" : "light"][name] ?? name;
}

/** Return marks as SVG nodes; texts have a halo in the colour of the background. */
export function marksToSvg(marks, dark) {
  return marks.flatMap((mark) => DRAW[mark.kind](mark, dark));
}

const DRAW = {
  line({ points, width = 1, colour = "ink", dash = null, halo = false }, dark) {
    const shape = { points: points.map((one) => one.map(tidy).join(",")).join(" "), fill: "none" };
    const ends = { "stroke-linecap": "round", "stroke-linejoin": "round" };
    const line = svg("polyline", { ...shape, ...ends, stroke: ink(colour, dark), "stroke-width": width, "stroke-dasharray": dash });
    if (!halo) return [line];
    return [svg("polyline", { ...shape, ...ends, stroke: ink("paper", dark), "stroke-width": width + 3, "stroke-opacity": 0.8 }), line];
  },
  text({ at, text, anchor = "start", size = 11, weight = 400, colour = "ink" }, dark) {
    const place = { x: tidy(at[0]), y: tidy(at[1]), "text-anchor": anchor, "font-size": size, "font-weight": weight };
    const halo = { stroke: ink("paper", dark), "stroke-width": 3, "stroke-linejoin": "round", "paint-order": "stroke" };
    return [svg("text", { ...place, ...halo, "font-family": FONT, fill: ink(colour, dark) }, text)];
  },
  rect({ at, size, colour, opacity = 1, round = 0 }, dark) {
    const box = { x: tidy(at[0]), y: tidy(at[1]), width: tidy(size[0]), height: tidy(size[1]), rx: round };
    return [svg("rect", { ...box, fill: ink(colour, dark), "fill-opacity": opacity })];
  },
  dot({ at, radius, colour, ring = null }, dark) {
    const place = { cx: tidy(at[0]), cy: tidy(at[1]), r: radius, fill: colour === "none" ? "none" : ink(colour, dark) };
    return [svg("circle", { ...place, stroke: ring && ink(ring, dark), "stroke-width": ring && 2 })];
  },
};

/** Draw marks into a 2D context, whose unit is a pixel of the screen. */
export function marksToCanvas(context, marks, dark) {
  for (const mark of marks) PAINT[mark.kind](context, mark, dark);
}

const PAINT = {
  line(context, { points, width = 1, colour = "ink", dash = null, halo = false }, dark) {
    const stroke = (style, size, alpha) => {
      Object.assign(context, { strokeStyle: style, lineWidth: size, lineCap: "round", lineJoin: "round", globalAlpha: alpha });
      context.beginPath();
      points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.globalAlpha = 1;
    };
    context.setLineDash(dash ? dash.split(" ").map(Number) : []);
    if (halo) stroke(ink("paper", dark), width + 3, 0.8);
    stroke(ink(colour, dark), width, 1);
    context.setLineDash([]);
  },
  text(context, { at, text, anchor = "start", size = 11, weight = 400, colour = "ink" }, dark) {
    Object.assign(context, { font: `${weight} ${size}px ${FONT}`, lineJoin: "round", textBaseline: "alphabetic" });
    context.textAlign = { start: "left", middle: "center", end: "right" }[anchor];
    Object.assign(context, { strokeStyle: ink("paper", dark), lineWidth: 3, fillStyle: ink(colour, dark) });
    context.strokeText(text, ...at);
    context.fillText(text, ...at);
  },
  rect(context, { at, size, colour, opacity = 1, round = 0 }, dark) {
    Object.assign(context, { fillStyle: ink(colour, dark), globalAlpha: opacity });
    context.beginPath();
    context.roundRect(...at, ...size, round);
    context.fill();
    context.globalAlpha = 1;
  },
  dot(context, { at, radius, colour, ring = null }, dark) {
    context.beginPath();
    context.arc(...at, radius, 0, 2 * Math.PI);
    if (colour !== "none") {
      context.fillStyle = ink(colour, dark);
      context.fill();
    }
    if (!ring) return;
    Object.assign(context, { strokeStyle: ink(ring, dark), lineWidth: 2 });
    context.stroke();
  },
};

/** Round to a hundredth of a pixel. */
export function tidy(value) {
  return Math.round(value * 100) / 100;
}
