/** Buttons above the stages: tools, zoom, view in 3D, section along z, two stages, export, full screen. */

import { button, el, replace } from "../../dom.js";
import { complain, notify } from "../../notice.js";
import { state } from "../../state.js";
import { moved } from "../camera.js";
import { saveImage, saveTable, saveVector } from "./exporting.js";
import { icon } from "./icons.js";
import { RangeSlider } from "./range_slider.js";
import { stages } from "../stage.js";

const ZOOM = 0.7;
const Z = "z";

/** Return the bar: {element, refresh(stage), locked(), onLock(callback)}. */
export function makeToolbar() {
  const pan = tool("pan", "Move and look: drag, click for values (P)");
  const measure = tool("measure", "Measure distances: click, click (M)");
  const view = iconButton("cube", "From above", turnView);
  const lock = iconButton("lock", "Lock both cameras", () => {
    press(lock, lock.getAttribute("aria-pressed") !== "true");
    locking.forEach((callback) => callback());
  });
  press(lock, true);
  const close = iconButton("close", "Close the second field of view", () => state.set({ second: null }));
  const slab = el("div", { class: "slab", hidden: true });
  const locking = new Set();
  const menu = exportMenu();
  const element = el("div", { class: "stage-bar", role: "toolbar", "aria-label": "Field of view" },
    el("div", { class: "group" }, pan, measure),
    el("div", { class: "group" },
      iconButton("zoomIn", "Zoom in (+)", () => zoom(ZOOM)),
      iconButton("zoomOut", "Zoom out (−)", () => zoom(-ZOOM)),
      iconButton("fit", "Show all (0)", () => shown().forEach((stage) => stage.fit())),
      view),
    slab,
    el("span", { class: "spring" }),
    el("div", { class: "group" }, lock, close),
    el("div", { class: "group" }, menu, iconButton("full", "Full screen (F)", fullScreen)));
  const showTool = () => [[pan, "pan"], [measure, "measure"]].forEach(([one, name]) => press(one, state.get("tool") === name));
  state.on(["tool"], showTool);
  state.on(["filters"], () => showSlab(slab));
  showTool();
  refresh();
  keys();
  return { element, locked: () => lock.getAttribute("aria-pressed") === "true", onLock: (callback) => locking.add(callback), refresh };

  function refresh() {
    const [, second] = stages();
    const deep = stages().some((stage) => stage.scene?.dimensions === 3);
    [view.hidden, slab.hidden] = [!deep, !deep];
    lock.hidden = close.hidden = !second;
    const free = shown().some((stage) => stage.camera.mode === "3d");
    press(view, free);
    view.title = free ? "See it from above, as in 2D (V)" : "Turn it freely in 3D (V)";
    view.setAttribute("aria-label", view.title);
    showSlab(slab);
  }
}

function shown() {
  return stages().filter((stage) => stage.scene);
}

/** From above or freely turned: all stages in three dimensions alike. */
function turnView() {
  const deep = shown().filter((stage) => stage.scene.dimensions === 3);
  const mode = deep[0]?.camera.mode === "3d" ? "2d" : "3d";
  deep.forEach((stage) => stage.setMode(mode));
}

function zoom(step) {
  const [first, second] = shown();
  const apart = second && second.camera.zoom !== first.camera.zoom;
  if (first) first.setCamera(moved(first.camera, { zoom: step }));
  if (apart) second.setCamera(moved(second.camera, { zoom: step }));
}

function tool(name, title) {
  return iconButton(name, title, () => state.set({ tool: name }));
}

function iconButton(name, title, onclick) {
  const made = button("", onclick, { class: "icon", title, "aria-label": title });
  made.append(icon(name));
  return made;
}

function press(one, pressed) {
  one.setAttribute("aria-pressed", String(pressed));
}

/** The section along z: a filter of the column z, beside the picture where it is turned. */
function showSlab(slab) {
  const scene = stages()[0]?.scene;
  const column = scene?.columns.get(Z);
  if (!column || column.min === null) return;
  const [low, high] = state.get("filters")[Z] ?? [null, null];
  const range = [low ?? column.min, high ?? column.max];
  if (slab.scene !== scene) {
    slab.scene = scene;
    slab.slider = new RangeSlider({
      ...{ label: "z", unit: "nm", low: column.min, high: column.max, values: range },
      onChange: (values) => setFilter(Z, values[0] <= column.min && values[1] >= column.max ? null : values),
    });
    replace(slab, el("span", { class: "note" }, "z section"), slab.slider.element);
  }
  slab.slider.set(range);
}

/** Set or take away the filter of one column. */
export function setFilter(name, value) {
  const { [name]: _, ...others } = state.get("filters");
  state.set({ filters: value === null ? others : { ...state.get("filters"), [name]: value } });
}

function exportMenu() {
  const list = el("div", { class: "menu", role: "menu", hidden: true });
  const opener = iconButton("save", "Export a picture or the values", () => show(list.hidden));
  opener.setAttribute("aria-haspopup", "menu");
  const show = (open) => {
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) list.querySelector("button").focus();
  };
  const item = (text, action) => button(text, async () => {
    show(false);
    try {
      if (shown().length === 0) notify("No field of view is shown, so there is nothing to export.");
      for (const stage of shown()) await action(stage);
    } catch (error) {
      complain(error);
    }
  }, { role: "menuitem" });
  list.append(
    item("PNG", (stage) => saveImage(stage, 1)),
    item("PNG, twice as fine", (stage) => saveImage(stage, 2)),
    item("SVG", saveVector),
    item("Table of what is shown (CSV)", (stage) => saveTable(stage, "csv")),
    item("Table of what is shown (parquet)", (stage) => saveTable(stage, "parquet")),
  );
  const menu = el("div", { class: "menu-place" }, opener, list);
  menu.addEventListener("keydown", (event) => moveInMenu(event, list, () => { show(false); opener.focus(); }));
  document.addEventListener("pointerdown", (event) => menu.contains(event.target) || show(false));
  return menu;
}

function moveInMenu(event, list, close) {
  const items = [...list.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && !list.hidden) close();
  else if (step && at >= 0) items[(at + step + items.length) % items.length].focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function fullScreen() {
  const centre = document.getElementById("centre");
  const change = document.fullscreenElement ? document.exitFullscreen() : centre.requestFullscreen();
  change.catch(() => notify("This browser, or the frame that holds the page, does not allow full screen."));
}

/** Keys of the tools; they wait while something is written, or while a control has the focus. */
function keys() {
  const actions = {
    p: () => state.set({ tool: "pan" }),
    m: () => state.set({ tool: "measure" }),
    f: fullScreen,
    v: turnView,
    Escape: () => state.set({ tool: "pan" }),
  };
  document.getElementById("centre").addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, select, textarea, [role=slider]");
    if (busy || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    actions[event.key]();
    event.preventDefault();
  });
}
