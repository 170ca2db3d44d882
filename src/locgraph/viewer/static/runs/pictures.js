/** Small pictures of FOVs, asked for when they have been in view for a moment. */

import { url } from "../api.js";
import { el } from "../dom.js";
import { state } from "../state.js";
import { cell } from "./rows.js";

const PATIENCE_MS = 70;
const AGAIN_MS = 3000;
const MOST_TIMES = 20;

/**
 * A picture of a FOV, or a mark that says why there is none.
 * @param {number} source
 * @param {object} fovs Its table of FOVs.
 * @param {number} row
 */
export function picture(source, fovs, row) {
  const problem = cell(fovs, "problem", row);
  if (problem) return el("span", { class: "picture missing", title: problem, "aria-hidden": "true" });
  const image = el("img", { class: "picture", alt: "", decoding: "async", draggable: "false" });
  image.addEventListener("load", () => image.classList.add("shown"));
  let times = 0;
  const ask = (patience) => setTimeout(() => {
    if (image.isConnected) image.src = url(`api/s/${source}/f/${row}/picture`);
  }, patience);
  image.addEventListener("error", () => {
    // a large file has a picture once it has been opened, which takes some seconds
    times += 1;
    if (times < MOST_TIMES && state.get("source") === source && state.get("fov") === row) ask(AGAIN_MS);
    else image.replaceWith(el("span", { class: "picture missing", "aria-hidden": "true" }));
  });
  ask(PATIENCE_MS);
  return image;
}
