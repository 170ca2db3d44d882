/** Why the network predicts a class: scores of clusters, localisations and edges on the stage, of features as bars. */

import { json } from "../api.js";
import { el, replace, short } from "../dom.js";
import { complain } from "../notice.js";
import { registerPanel } from "../panels.js";
import { offers, state } from "../state.js";
import { DIVERGING } from "../stage/palettes.js";
import { onTheme } from "../theme.js";
import { css, gradient, paletteOf } from "./colours.js";
import { clearScores, showScores } from "./scored.js";
import { largestOf, MODES, passing } from "./thresholds.js";

const LEVELS = { cluster: "clusters", localisation: "localisations", edge: "edges" };
const MOST_FEATURES = 12;
const remembered = { explainer: null, level: null, mode: "all", top: 5, above: 0.25 };

/** The palette of scores on the stage. */
function palette() {
  const { palette: chosen } = state.get("colour");
  return DIVERGING.includes(chosen) ? chosen : DIVERGING[0];
}

function mount(element) {
  let offered = [];
  let content = null;
  let asking = null;
  let reading = null;
  const why = el("select", { "aria-label": "Explainer and class", onchange: () => choose(Number(why.value)) });
  const level = el("select", { "aria-label": "What is scored", onchange: () => ((remembered.level = level.value), draw()) });
  const mode = el("select", { "aria-label": "Which scores", onchange: () => ((remembered.mode = mode.value), draw()) }, Object.entries(MODES).map(([name, words]) => el("option", { value: name }, words)));
  const slider = el("input", { type: "range", "aria-label": "Threshold", oninput: () => slide(Number(slider.value)) });
  const output = el("output", { class: "number" });
  const controls = el("div", { class: "why-controls" }, el("label", {}, "explainer", why), el("label", {}, "scores of", level), el("label", {}, "show", mode), el("div", { class: "row why-slider" }, slider, output));
  const legend = el("div", { class: "why-legend" });
  const text = el("div", { class: "why-text" });
  const features = el("div", { class: "why-features" });
  const empty = el("p", { class: "empty", hidden: true });
  replace(element, el("div", { class: "why" }, empty, controls, legend, text, features));

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const [source, fov] = [state.get("source"), state.get("fov")];
    content = null;
    clearScores();
    if (fov === null) return say("No FOV is shown.");
    try {
      offered = await json(`api/s/${source}/f/${fov}/explanations`, { signal: asking.signal });
      if (!offered.length) return say("This FOV was not explained. The list has a button that shows those that were.");
      say(null);
      replace(why, offered.map((each, index) => el("option", { value: index }, `${each.explainer.replaceAll("_", " ")}: ${each.class}`)));
      const same = offered.findIndex((each) => each.explainer === remembered.explainer);
      await choose(Math.max(same, 0));
    } catch (error) {
      if (error.name !== "AbortError") say(error.message);
    }
  }

  function say(words) {
    empty.hidden = words === null;
    empty.textContent = words ?? "";
    for (const part of [controls, legend, text, features]) part.hidden = words !== null;
  }

  async function choose(index) {
    why.value = String(index);
    remembered.explainer = offered[index].explainer;
    const [source, fov] = [state.get("source"), state.get("fov")];
    reading?.abort();
    reading = new AbortController();
    try {
      content = await json(`api/s/${source}/f/${fov}/explanations/${index}`, { signal: AbortSignal.any([asking.signal, reading.signal]) });
    } catch (error) {
      return complain(error);
    }
    const levels = Object.keys(LEVELS).filter((name) => content[name]?.scores.length);
    replace(level, levels.map((name) => el("option", { value: name }, LEVELS[name])));
    if (!levels.includes(remembered.level)) remembered.level = levels[0] ?? null;
    level.value = remembered.level ?? "";
    state.set({ explanation: { k: index, threshold: threshold() } });
    draw();
  }

  function threshold() {
    return { mode: remembered.mode, value: remembered.mode === "top" ? remembered.top : remembered.above };
  }

  function slide(value) {
    remembered[remembered.mode] = value;
    draw();
  }

  function draw() {
    if (!content) return;
    const scores = content[remembered.level]?.scores ?? [];
    const passed = passing(scores, threshold(), content.signed);
    mode.value = remembered.mode;
    showSlider(scores, passed);
    showLegend(scores);
    showText();
    showFeatures();
    state.set({ explanation: { ...state.get("explanation"), threshold: threshold() } });
    if (remembered.level) showScores({ level: remembered.level, content, passed, largest: largestOf(scores) });
    else clearScores();
  }

  function showSlider(scores, passed) {
    const top = remembered.mode === "top";
    slider.parentElement.hidden = remembered.mode === "all" || !scores.length;
    Object.assign(slider, top ? { min: 1, max: Math.max(scores.length, 1), step: 1 } : { min: 0, max: 1, step: 0.01 });
    slider.value = top ? Math.min(remembered.top, scores.length) : remembered.above;
    const count = passed.filter(Boolean).length;
    output.textContent = top ? `${count} of ${scores.length}` : `${short(remembered.above * largestOf(scores))}: ${count} of ${scores.length}`;
  }

  function showLegend(scores) {
    const largest = largestOf(scores);
    const ends = content.signed ? [-largest, 0, largest] : [0, largest];
    const words = content.signed ? ["against", "", "for"] : ["little", "much"];
    const name = content.class.includes(" against ") ? "" : ` ${content.class}`;
    replace(
      legend,
      el("div", { class: "gradient", style: { background: gradient(palette(), content.signed ? 0 : 0.5, 1) } }),
      el("div", { class: "gradient-ends number" }, ends.map((end) => el("span", {}, short(end)))),
      el("div", { class: "gradient-ends note" }, words.map((word, index) => el("span", {}, word && content.signed ? `${word}${name}` : word, index < 0 ? "" : null))),
    );
  }

  function showText() {
    const inside = content.cluster?.inside ? "Outlined clusters are those of the subgraph that the explainer names." : null;
    replace(text, el("p", { class: "note" }, [content.meaning, inside].filter(Boolean).join(" ")), content.cautions.map((words) => el("p", { class: "caution" }, words)));
  }

  function showFeatures() {
    const { names = [], scores = [] } = content.feature ?? {};
    if (!names.length) return replace(features);
    const largest = largestOf(scores);
    const colour = paletteOf(palette());
    const rows = names.slice(0, MOST_FEATURES).map((name, index) => {
      const share = scores[index] / largest;
      const style = { width: `${Math.abs(share) * 50}%`, [share < 0 ? "right" : "left"]: "50%", background: css(colour(0.5 + share / 2)) };
      return el("div", { class: "feature-row" }, el("span", { class: "clipped", title: name }, name.replaceAll("_", " ")), el("span", { class: "feature-bar" }, el("span", { style })), el("span", { class: "number" }, short(scores[index])));
    });
    replace(features, el("h3", {}, names.length > MOST_FEATURES ? `The ${MOST_FEATURES} largest features of ${names.length}` : "Features"), rows);
  }

  ask();
  const offs = [state.on(["fov", "fovs"], ask), onTheme(draw)];
  return () => {
    offs.forEach((off) => off());
    asking?.abort();
    clearScores();
    state.set({ explanation: null });
  };
}

registerPanel({ id: "explanations", title: "Why", place: "right", order: 40, when: () => offers("explanations"), mount });
