/** The middle of the page: one stage, or two beside each other with cameras that may be locked; and their tool bar. */

import { el, replace } from "../dom.js";
import { state } from "../state.js";
import { onTheme, theme } from "../theme.js";
import { Stage } from "./stage.js";
import { makeToolbar } from "./controls/toolbar.js";
import "./controls/inspector.js";

const place = document.getElementById("centre");
const hosts = el("div", { class: "stages" });
const bar = makeToolbar();
let [first, second] = [null, null];
let following = false;

/** Make a stage that follows the look of the page. */
function makeStage() {
  const host = el("div", { class: "stage-host" });
  hosts.append(host);
  const stage = new Stage(host);
  stage.setLook(look());
  stage.pointer.setTool(state.get("tool"));
  stage.onCamera(() => lockOthers(stage));
  stage.onChange(() => bar.refresh(stage));
  return stage;
}

function look() {
  const keys = ["colour", "filters", "layers", "points"];
  return { ...Object.fromEntries(keys.map((key) => [key, state.get(key)])), dark: theme() === "dark" };
}

/** Give the camera of one stage to the other: places are compared relative to the middle of each FOV. */
function lockOthers(stage) {
  const other = stage === first ? second : first;
  if (following || !bar.locked() || !other?.scene || !stage.scene) return;
  following = true;
  const [from, to] = [stage, other].map((one) => centreOf(one.scene.header.box));
  const target = stage.camera.target.map((value, axis) => value - from[axis] + to[axis]);
  const alike = stage.scene.dimensions === other.scene.dimensions;
  other.setCamera(alike ? { ...stage.camera, target } : { ...other.camera, target, zoom: stage.camera.zoom });
  following = false;
}

function centreOf([low, high]) {
  return [0, 1, 2].map((axis) => ((low[axis] ?? 0) + (high[axis] ?? 0)) / 2);
}

function showFirst() {
  first.show(state.get("source"), state.get("fov"));
}

function showSecond() {
  const wanted = state.get("second");
  hosts.toggleAttribute("data-two", wanted !== null);
  if (!wanted) {
    second?.element.remove();
    second?.destroy();
    second = null;
  } else {
    second ??= makeStage();
    second.show(wanted.source, wanted.fov).then(() => lockOthers(first));
  }
  bar.refresh(first);
}

function start() {
  replace(place, bar.element, hosts);
  first = makeStage();
  const both = (action) => [first, second].forEach((stage) => stage && action(stage));
  const repaint = () => both((stage) => stage.setLook(look()));
  state.on(["source", "fov"], showFirst);
  state.on(["fovs"], () => first.schedule()); // it says why no FOV is shown
  state.on(["second"], showSecond);
  state.on(["colour", "filters", "layers", "points"], repaint);
  state.on(["tool"], () => both((stage) => stage.pointer.setTool(state.get("tool"))));
  onTheme(repaint);
  bar.onLock(() => lockOthers(first));
}

start();
