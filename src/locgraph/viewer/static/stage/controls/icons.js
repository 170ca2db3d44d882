/** Icons of the tool bar: lines on a grid of 20 by 20. */

import { svg } from "../../dom.js";

const PATHS = {
  pan: "M10 2.5v15M2.5 10h15M10 2.5l-2 2M10 2.5l2 2M10 17.5l-2-2M10 17.5l2-2M2.5 10l2-2M2.5 10l2 2M17.5 10l-2-2M17.5 10l-2 2",
  measure: "M2.8 13.2 13.2 2.8l4 4L6.8 17.2zM5.6 10.4l1.8 1.8M8.2 7.8l1.3 1.3M10.8 5.2l1.8 1.8",
  fit: "M3 7.5V3h4.5M12.5 3H17v4.5M17 12.5V17h-4.5M7.5 17H3v-4.5M10 8.2a1.8 1.8 0 1 0 .01 0",
  zoomIn: "M10 4.5v11M4.5 10h11",
  zoomOut: "M4.5 10h11",
  cube: "M10 2.5l6.5 3.7v7.6L10 17.5l-6.5-3.7V6.2zM10 10l6.5-3.8M10 10v7.5M10 10 3.5 6.2",
  full: "M8 12l-5 5M3 12.5V17h4.5M12 8l5-5M12.5 3H17v4.5",
  save: "M10 3v9.5M6.3 9 10 12.7 13.7 9M3.5 14v2.8h13V14",
  lock: "M5 9.2h10v7.3H5zM7 9.2V6.5a3 3 0 0 1 6 0v2.7",
  close: "M5 5l10 10M15 5 5 15",
};

/** Return an icon; the button that holds it has the name. */
export function icon(name) {
  const line = { fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linecap": "round", "stroke-linejoin": "round" };
  return svg("svg", { viewBox: "0 0 20 20", width: "18", height: "18", "aria-hidden": "true" }, svg("path", { d: PATHS[name], ...line }));
}
