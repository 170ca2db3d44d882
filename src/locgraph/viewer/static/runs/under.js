/** What is predicted of the FOVs that are shown, beneath each. */

import { el, replace } from "../dom.js";
import { complain } from "../notice.js";
import { state } from "../state.js";
import { onTheme } from "../theme.js";
import { tableOf } from "./beside.js";
import { classChip, correctMark, probabilityBar } from "./cells.js";
import { cell, classesOf, probabilities } from "./rows.js";

const MOST_BARS = 3;
const strip = el("div", { class: "under", role: "group", "aria-label": "What is predicted" });

function line(fovs, row) {
  const classes = classesOf(fovs);
  const [label, prediction] = ["label", "prediction"].map((name) => cell(fovs, name, row));
  const bars = probabilities(fovs, row).slice(0, MOST_BARS).map(([name, value]) => probabilityBar(name, value, classes));
  const unlike = cell(fovs, "unlike", row) ? `△ unlike the training: ${cell(fovs, "unlike_reasons", row) ?? ""}` : null;
  return el(
    "div",
    {},
    label === null ? null : classChip(label, classes),
    prediction === null ? el("span", { class: "note" }, "not predicted") : el("span", { class: "predicted" }, el("span", { class: "note" }, "predicted"), correctMark(cell(fovs, "correct", row)), classChip(prediction, classes)),
    unlike ? el("span", { class: "note unlike", title: unlike }, unlike) : null,
    el("div", { class: "under-bars" }, bars),
  );
}

const predicts = (fovs) => fovs !== null && "prediction" in fovs.rows;

async function show() {
  const [fovs, fov, second] = [state.get("fovs"), state.get("fov"), state.get("second")];
  try {
    const other = second ? await tableOf(second.source) : null;
    if (state.get("second") !== second || state.get("fov") !== fov || state.get("fovs") !== fovs) return;
    if (!strip.isConnected) document.getElementById("centre").append(strip);
    const known = predicts(fovs) || predicts(other);
    strip.toggleAttribute("data-two", second !== null);
    replace(strip, known && fovs && fov !== null ? line(fovs, fov) : null, known && second ? line(other, second.fov) : null);
  } catch (error) {
    complain(error);
  }
}

state.on(["fovs", "fov", "second"], show);
onTheme(show);
