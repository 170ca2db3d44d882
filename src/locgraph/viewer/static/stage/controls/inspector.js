/** The panel at the right: what colours localisations, their size, layers, measurements. Filters are in filter_panel.js. */

import { button, el, replace, short } from "../../dom.js";
import { registerPanel } from "../../panels.js";
import { state } from "../../state.js";
import { onTheme, theme } from "../../theme.js";
import { chosenColumn, rangeOf, unitOf } from "../colours.js";
import { mountFilters } from "./filter_panel.js";
import { EDGE_COLOURS } from "../layers.js";
import { SIZES, hasPrecision } from "../look.js";
import { lengthText } from "../numbers.js";
import { DIVERGING, SEQUENTIAL, STEPS, css, lookUpTable } from "../palettes.js";
import { countText } from "../reading.js";
import { shownScenes, stages } from "../stage.js";

registerPanel({ id: "look", title: "Look", place: "right", order: 10, mount: (element) => mountPanel(element, [colourSection, pointSection, layerSection, measureSection]) });
registerPanel({ id: "filters", title: "Filters", place: "right", order: 11, mount: (element) => mountPanel(element, [mountFilters]) });

/** Fill a panel with sections: each takes the stage and returns its element, and is made anew for another FOV. */
function mountPanel(element, sections) {
  const body = el("div", { class: "inspector" });
  element.append(body);
  const offs = [];
  let [shown, stage] = [undefined, null];
  const rebuild = () => {
    const scene = stage?.scene ?? null;
    if (scene === shown) return;
    shown = scene;
    offs.splice(0).forEach((off) => off());
    const follow = (keys, callback) => offs.push(state.on(keys, callback));
    const made = scene && sections.map((make) => make(stage, follow, (off) => offs.push(off)));
    replace(body, made ?? el("p", { class: "empty" }, "No field of view is shown."));
  };
  // the stage exists once the page has started
  const frame = requestAnimationFrame(() => {
    [stage] = stages();
    offChange = stage.onChange(rebuild);
    rebuild();
  });
  let offChange = null;
  return () => {
    cancelAnimationFrame(frame);
    offChange?.();
    offs.forEach((off) => off());
  };
}

function field(name, control) {
  return el("label", { class: "field" }, el("span", {}, name), control);
}

/** A list to choose from; entries are [value, text]. */
function choice(entries, chosen, onchange, attributes = {}) {
  const options = entries.map(([value, text]) => el("option", { value }, text));
  const select = el("select", { ...attributes, onchange: () => onchange(select.value) }, ...options);
  select.value = chosen;
  return select;
}

/** Return the columns by which localisations can be coloured, as [name, text]. */
function columnChoices(scene) {
  const named = [...scene.columns.values()].filter((column) => column.min !== null);
  const text = (column) => (unitOf(column) ? `${column.name} (${unitOf(column)})` : column.name);
  return [["", "one colour"], ...named.map((column) => [column.name, text(column)])];
}

function colourSection(stage, follow, offs) {
  const section = el("section", { "aria-label": "Colour" });
  const setColour = (changes) => state.set({ colour: { ...state.get("colour"), ...changes } });
  const draw = () => {
    const { scene } = stage;
    const colour = state.get("colour");
    const by = chosenColumn(scene, colour.by);
    const column = scene.columns.get(by);
    const select = choice(columnChoices(scene), by, (name) => setColour({ by: name, range: null }), { id: "colour-by" });
    const parts = [el("h3", {}, "Colour"), field("by", select)];
    if (column?.meaning) parts.push(el("p", { class: "note" }, column.meaning));
    const scored = stage.scores && stage.scores.level !== "edge";
    if (scored) parts.push(el("p", { class: "note" }, `Scores of an explanation are shown: ${stage.scores.name}.`));
    if (stage.scores) parts.push(palettes(DIVERGING, colour.palette, (palette) => setColour({ palette })));
    else if (column?.kind === "continuous") {
      parts.push(palettes([...SEQUENTIAL, ...DIVERGING], colour.palette ?? "viridis", (palette) => setColour({ palette })));
      parts.push(rangeFields(column, colour, setColour));
    }
    const focused = section.contains(document.activeElement) ? document.activeElement.id : null;
    replace(section, parts);
    if (focused) document.getElementById(focused)?.focus();
  };
  follow(["colour", "explanation"], draw);
  offs(onTheme(draw));
  let scores = stage.scores;
  offs(stage.onChange(() => {
    if (scores !== stage.scores) draw();
    scores = stage.scores;
  }));
  draw();
  return section;
}

function palettes(names, chosen, onchange) {
  const group = el("div", { class: "palettes", role: "radiogroup", "aria-label": "Palette" });
  const current = names.includes(chosen) ? chosen : names[0];
  for (const name of names) {
    const input = el("input", { type: "radio", name: "palette", id: `palette-${name}`, value: name, onchange: () => onchange(name) });
    input.checked = name === current;
    group.append(el("label", {}, input, name, swatch(name)));
  }
  return group;
}

function swatch(name) {
  const canvas = el("canvas", { width: STEPS, height: 1, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(STEPS, 1);
  const table = lookUpTable(name, theme() === "dark");
  for (let step = 0; step < STEPS; step += 1) image.data.set([...table.subarray(3 * step, 3 * step + 3), 255], 4 * step);
  context.putImageData(image, 0, 0);
  return canvas;
}

function rangeFields(column, colour, setColour) {
  const range = rangeOf(column, colour, shownScenes());
  const inputs = [0, 1].map((which) => {
    const label = `${which ? "Largest" : "Smallest"} value of the colours`;
    const input = el("input", { type: "number", step: "any", id: `colour-range-${which}`, "aria-label": label });
    input.value = String(Number(range[which].toPrecision(5)));
    input.addEventListener("change", () => {
      const next = [...rangeOf(column, state.get("colour"), shownScenes())];
      next[which] = Number(input.value);
      if (input.value !== "" && next[0] < next[1]) setColour({ range: next });
      else input.value = String(Number(range[which].toPrecision(5)));
    });
    return input;
  });
  const modes = el("div", { class: "row" },
    button("99 %", () => setColour({ range: null }), { class: "quiet", "aria-pressed": String(colour.range === null), title: "Without the most extreme 1 % of values", id: "colour-range-robust" }),
    button("all", () => setColour({ range: [column.min, column.max] }), { class: "quiet", title: "From the smallest to the largest value", id: "colour-range-all" }));
  return el("div", {}, field("range", el("div", { class: "pair" }, inputs[0], "to", inputs[1])), field("", modes));
}

function pointSection(stage, follow) {
  const setPoints = (changes) => state.set({ points: { ...state.get("points"), ...changes } });
  const section = el("section", { "aria-label": "Localisations" });
  const value = el("input", { type: "range", min: "-1", max: "2", step: "0.02", "aria-label": "Radius" });
  const shown = el("span", { class: "note number" });
  value.addEventListener("input", () => setPoints({ value: Number((10 ** Number(value.value)).toPrecision(2)) }));
  const sizes = SIZES.filter((one) => one.unit !== "precision" || hasPrecision(stage.scene)).map((one) => [one.unit, one.text]);
  const unit = choice(sizes, state.get("points").unit, (chosen) => setPoints({ unit: chosen }), { id: "point-size" });
  const radius = el("label", { class: "field" }, shown, value);
  const opacity = el("input", { type: "range", min: "0.05", max: "1", step: "0.05", id: "point-opacity" });
  opacity.addEventListener("input", () => setPoints({ opacity: Number(opacity.value) }));
  const draw = () => {
    const points = state.get("points");
    unit.value = points.unit;
    radius.hidden = points.unit !== "pixels" && points.unit !== "nm";
    value.value = String(Math.log10(points.value));
    shown.textContent = `${points.value} ${points.unit === "nm" ? "nm" : "px"}`;
    opacity.value = String(points.opacity);
  };
  follow(["points"], draw);
  draw();
  section.append(el("h3", {}, "Localisations"), field("radius", unit), radius, field("opacity", opacity));
  return section;
}

function layerSection(stage, follow, offs) {
  const { scene } = stage;
  const section = el("section", { "aria-label": "Layers" }, el("h3", {}, "Layers"));
  const setLayers = (changes) => state.set({ layers: { ...state.get("layers"), ...changes } });
  const simple = [["localisations", "localisations", scene.header.n]];
  if (scene.header.clusters) simple.push(["clusters", "cluster centres", scene.header.clusters.n], ["hulls", "cluster outlines", null]);
  const boxes = simple.map(([key, text, n]) => {
    const input = el("input", { type: "checkbox", onchange: () => setLayers({ [key]: input.checked }) });
    section.append(checkRow(input, text, n));
    return { input, on: (layers) => layers[key] };
  });
  scene.header.edges.forEach((edges, k) => {
    const change = () => {
      const chosen = new Set(state.get("layers").edges);
      if (input.checked) chosen.add(k);
      else chosen.delete(k);
      setLayers({ edges: chosen });
    };
    const input = el("input", { type: "checkbox", onchange: change });
    section.append(checkRow(input, `edges: ${edges.name}`, edges.n, css(EDGE_COLOURS[k % EDGE_COLOURS.length])));
    boxes.push({ input, on: (layers) => layers.edges.has(k) });
  });
  const count = el("p", { class: "note count" });
  const draw = () => {
    boxes.forEach(({ input, on }) => { input.checked = on(state.get("layers")); });
  };
  const write = () => { count.textContent = stage.scene ? `Shown: ${countText(stage.count, stage.scene)}.` : ""; };
  follow(["layers"], draw);
  offs(stage.onChange(write));
  draw();
  write();
  section.append(count);
  return section;
}

function checkRow(input, text, n, colour = null) {
  const mark = colour && el("span", { class: "swatch", style: { "--swatch": colour } });
  return el("label", { class: "check" }, input, text, mark, n === null ? null : el("span", { class: "number" }, short(n)));
}

function measureSection(stage, follow, offs) {
  const section = el("section", { "aria-label": "Distances" });
  const list = el("ul", { class: "measurements" });
  const draw = () => {
    const { measurements } = stage.overlay;
    section.hidden = measurements.length === 0;
    replace(list, measurements.map(({ from, to }, index) => {
      const text = lengthText(Math.hypot(...from.map((value, axis) => value - to[axis])));
      const remove = () => stage.overlay.remove(index);
      return el("li", {}, text, button("×", remove, { class: "quiet", "aria-label": `Delete the distance of ${text}` }));
    }));
  };
  offs(stage.onChange(draw));
  section.append(el("h3", {}, "Distances", button("delete all", () => stage.overlay.remove(null), { class: "quiet" })), list);
  draw();
  return section;
}
