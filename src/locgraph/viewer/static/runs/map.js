/** Map of learned vectors: FOVs or clusters as points; a lasso selects FOVs, and what is selected stands out. */

import { json } from "../api.js";
import { liveMap } from "../live/epoch.js";
import { movePoints } from "../live/moving.js";
import { button, el, redraw, replace, short } from "../dom.js";
import { registerPanel } from "../panels.js";
import { offers, state } from "../state.js";
import { startDrawing } from "../stage/drawing.js";
import { fromHex } from "../stage/palettes.js";
import { colour as themeColour, onTheme } from "../theme.js";
import { classChip, correctMark, titleOf } from "./cells.js";
import { classColour, css, gradient, noColour, paletteOf } from "./colours.js";
import { listedRows, followListing } from "./listing.js";
import { selectRows } from "./list.js";
import { MapView } from "./mapview.js";
import { picture } from "./pictures.js";
import { cell, classesOf, extentOf } from "./rows.js";

const AGAIN_MS = 1500;
const remembered = { which: 0, method: "pca", by: null };

function mount(element) {
  element.classList.add("flush");
  const source = state.get("source");
  let data = null;
  let gone = false;
  let drawing = null;
  let stopMoving = () => {};
  const view = new MapView({ onHover: showTip, onClick: open });
  const which = el("select", { "aria-label": "Vectors", onchange: () => ask({ which: Number(which.value) }) });
  const method = el("div", { class: "segmented", role: "group", "aria-label": "Projection" });
  const by = el("select", { "aria-label": "Colour by", onchange: () => ((remembered.by = by.value), paint()) });
  const lasso = button("◌ Lasso", draw, { title: "Draw around FOVs to select them (l); with Shift they are added", "aria-pressed": "false" });
  const fit = button("Fit", () => view.fit(), { title: "Show all points" });
  const legend = el("div", { class: "map-legend" });
  const notes = el("p", { class: "note map-notes" });
  const tip = el("div", { class: "map-tip", hidden: true });
  const status = el("p", { class: "empty", role: "status" }, "Placing the points …");
  const words = el("p", { class: "visually-hidden", role: "status" });
  const tools = el("div", { class: "map-tools" }, which, method, el("label", {}, "colour ", by), lasso, fit);
  view.element.append(tip, status);
  view.element.tabIndex = 0;
  view.element.setAttribute("role", "application");
  view.element.setAttribute("aria-label", "Map of FOVs. L draws a lasso, plus and minus zoom. The list shows the same FOVs.");
  view.element.addEventListener("keydown", key);
  replace(element, el("div", { class: "map" }, tools, el("div", { class: "map-middle" }, view.element, legend), notes, words));

  async function ask(changes = {}) {
    Object.assign(remembered, changes);
    const epoch = state.get("epoch");
    tools.toggleAttribute("data-epoch", epoch !== null);
    if (epoch !== null) return askEpoch(epoch);
    if (!offers("maps")) return lack("The map appears with the vectors of an epoch, or of the finished run.");
    const wanted = { ...remembered };
    status.hidden = false;
    status.textContent = wanted.method === "umap" ? "Computing UMAP, once …" : "Placing the points …";
    try {
      const answer = await json(`api/s/${source}/map?which=${wanted.which}&method=${wanted.method}`);
      if (gone || state.get("epoch") !== null || wanted.which !== remembered.which || wanted.method !== remembered.method) return;
      showChoices(answer);
      if (!answer.ready) {
        setTimeout(() => !gone && ask(), AGAIN_MS);
        return;
      }
      if (answer.reason) return lack(answer.reason);
      data = answer;
      status.hidden = true;
      view.setPoints(data.x, data.y);
      notes.textContent = [...data.notes, `Across: ${data.axes[0]}; up: ${data.axes[1]}.`].join(" ");
      paint();
    } catch (error) {
      status.textContent = error.message;
    }
  }

  /** Show what an epoch of training made of the FOVs: they move there from the epoch before. */
  async function askEpoch(epoch) {
    try {
      const places = await liveMap(epoch);
      if (gone || epoch !== state.get("epoch")) return;
      if (!places) return lack(`Epoch ${epoch} has left no vectors.`);
      const before = data?.epoch === undefined ? null : data;
      data = { ...places, epoch };
      status.hidden = true;
      showColours();
      stopMoving();
      if (!before) view.setPoints(data.x, data.y);
      stopMoving = movePoints(before, data, (x, y) => view.placePoints(x, y), () => view.fitAll());
      notes.textContent = `Epoch ${epoch}: validation FOVs by the first two principal components of their vectors, turned onto the epoch before.`;
      paint();
    } catch (error) {
      lack(error.message);
    }
  }

  function lack(reason) {
    stopMoving();
    data = null;
    view.setPoints([], []);
    view.setLook(new Uint8Array(), new Uint8Array(), new Float32Array());
    status.hidden = false;
    status.textContent = reason;
    replace(legend);
    notes.textContent = "";
  }

  function showChoices(answer) {
    replace(which, answer.maps.map((each, index) => el("option", { value: index, title: each.note || null }, each.name)));
    which.value = String(answer.which);
    which.hidden = answer.maps.length < 2;
    const press = (name) => button(name.toUpperCase(), () => ask({ method: name }), { "aria-pressed": String(name === answer.method) });
    redraw(method, answer.methods.map(press));
    showColours();
  }

  function showColours() {
    const fovs = state.get("fovs");
    if (!fovs) return;
    const known = fovs.columns.filter((each) => !["fov_id", "problem", "unlike_reasons", "path", "prediction_set"].includes(each.name));
    replace(by, known.map((each) => el("option", { value: each.name }, titleOf(each.name))));
    const names = known.map((each) => each.name);
    if (!names.includes(remembered.by)) remembered.by = names.includes("label") ? "label" : (names[0] ?? null);
    by.value = remembered.by;
  }

  /** Colour by the chosen column; wrong predictions have a ring, what is not selected or listed is pale. */
  function paint() {
    const fovs = state.get("fovs");
    if (!data || !fovs) return;
    const { colour, entries } = colouring(fovs, remembered.by);
    const selection = state.get("selection");
    const listed = new Set(listedRows());
    const n = data.fov.length;
    const [fill, ring, radius] = [new Uint8Array(4 * n), new Uint8Array(4 * n), new Float32Array(n).fill(1)];
    const [ink, bad, paper] = ["--ink", "--bad", "--raised"].map((name) => fromHex(themeColour(name)));
    for (let place = 0; place < n; place += 1) {
      const row = data.fov[place];
      const strong = selection.size ? selection.has(row) : listed.has(row);
      fill.set([...colour(row), strong ? 235 : 45], 4 * place);
      const wrong = cell(fovs, "correct", row) === false;
      if (row === state.get("fov")) ring.set([...ink, 255], 4 * place);
      else if (wrong) ring.set([...bad, strong ? 255 : 60], 4 * place);
      else ring.set([...paper, strong ? 200 : 0], 4 * place);
      radius[place] = (data.cluster ? 0.6 : 1) * (row === state.get("fov") ? 1.6 : wrong ? 1.25 : 1);
    }
    view.setLook(fill, ring, radius);
    delete tip.dataset.place; // what it tells may have changed
    showLegend(legend, entries, fovs);
    words.textContent = selection.size ? `${selection.size} FOVs are selected.` : "";
  }

  function showTip(place, at) {
    const fovs = state.get("fovs");
    if (place === null || !data || !fovs || data.fov[place] === undefined) {
      tip.hidden = true;
      return;
    }
    const row = data.fov[place];
    if (tip.dataset.place !== String(place)) {
      tip.dataset.place = place;
      replace(tip, picture(source, fovs, row), tipText(fovs, row, data.cluster?.[place] ?? null));
    }
    tip.hidden = false;
    const { clientWidth, clientHeight } = view.element;
    tip.style.left = `${Math.min(at[0] + 14, clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.max(4, Math.min(at[1] + 14, clientHeight - tip.offsetHeight - 4))}px`;
  }

  function open(place, event) {
    const row = data.fov[place];
    if (event.shiftKey || event.ctrlKey || event.metaKey) selectRows([row], { add: true });
    else state.set({ fov: row });
  }

  /** Draw a lasso; the button pressed again gives it up. */
  async function draw() {
    if (drawing) return drawing.abort();
    if (!data) return undefined;
    drawing = new AbortController();
    lasso.setAttribute("aria-pressed", "true");
    let add = false;
    const watch = (event) => (add = event.shiftKey);
    view.element.addEventListener("pointerdown", watch, { capture: true });
    const surface = { element: view.element, toData: (at) => view.toData(at), toScreen: (at) => view.toScreen(at), onCamera: (callback) => view.onCamera(callback) };
    const shape = await startDrawing(surface, "lasso", { signal: drawing.signal });
    drawing = null;
    view.element.removeEventListener("pointerdown", watch, { capture: true });
    lasso.setAttribute("aria-pressed", "false");
    if (shape && !gone) selectRows(view.inside(shape.points).map((place) => data.fov[place]), { add });
    return undefined;
  }

  function key(event) {
    const actions = { l: draw, "+": () => view.zoomBy(1.4), "-": () => view.zoomBy(1 / 1.4), 0: () => view.fit(), Escape: () => selectRows([]) };
    if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
    actions[event.key]();
    event.preventDefault();
  }

  ask({ which: 0 });
  const offs = [
    state.on(["fovs", "selection", "fov"], (changed) => {
      if (changed.includes("fovs")) showColours();
      paint();
    }),
    state.on(["epoch"], () => ask()),
    followListing(paint),
    onTheme(paint),
  ];
  return () => {
    gone = true;
    drawing?.abort();
    stopMoving();
    offs.forEach((off) => off());
    view.remove();
    element.classList.remove("flush");
  };
}

/** How a column colours FOVs: row -> [r, g, b], and what the legend shows. */
function colouring(fovs, name) {
  const type = fovs.columns.find((each) => each.name === name)?.type;
  const values = fovs.rows[name] ?? [];
  if (type === "number") {
    const extent = extentOf(values) ?? [0, 1];
    const palette = paletteOf("viridis");
    const span = extent[1] - extent[0] || 1;
    return { colour: (row) => palette(values[row] === null ? NaN : (values[row] - extent[0]) / span), entries: { name, extent } };
  }
  const classes = name === "label" || name === "prediction" ? classesOf(fovs) : [...new Set(values)].filter((value) => value !== null && value !== undefined).sort();
  const used = classes.filter((each) => values.includes(each));
  const entries = used.map((each) => ({ text: type === "flag" ? (each ? "yes" : "no") : each, colour: classColour(each, classes), value: each }));
  if (values.includes(null)) entries.push({ text: "none", colour: noColour(), value: null });
  return { colour: (row) => classColour(values[row] ?? null, classes), entries: { name, classes: entries } };
}

function showLegend(element, { name, classes, extent }, fovs) {
  if (extent) {
    replace(element, el("p", { class: "legend-title" }, titleOf(name)), el("div", { class: "gradient", style: { background: gradient("viridis") } }), el("div", { class: "gradient-ends number" }, el("span", {}, short(extent[0])), el("span", {}, short(extent[1]))));
  } else {
    const choose = (value) => selectRows([...fovs.rows[name].keys()].filter((row) => (fovs.rows[name][row] ?? null) === value));
    const entry = (each) => button([el("span", { class: "chip", style: { "--chip": css(each.colour) } }, el("span", {}, String(each.text)))], () => choose(each.value), { class: "quiet legend-entry", title: "Select these FOVs" });
    redraw(element, el("p", { class: "legend-title" }, titleOf(name)), classes.map(entry));
  }
  if (fovs.rows.correct?.includes(false)) element.append(el("p", { class: "legend-ring note" }, "wrong prediction"));
}

function tipText(fovs, row, cluster) {
  const classes = classesOf(fovs);
  const prediction = cell(fovs, "prediction", row);
  const probability = cell(fovs, "probability", row);
  return el(
    "div",
    { class: "tip-text" },
    el("strong", {}, cell(fovs, "fov_id", row), cluster === null ? "" : `, cluster ${cluster}`),
    el("div", {}, classChip(cell(fovs, "label", row), classes)),
    prediction === null ? null : el("div", { class: "predicted" }, correctMark(cell(fovs, "correct", row)), classChip(prediction, classes), probability === null ? "" : probability.toFixed(2)),
  );
}

registerPanel({ id: "map", title: "Map", place: "bottom", order: 20, when: () => offers("maps") || offers("live"), mount });
