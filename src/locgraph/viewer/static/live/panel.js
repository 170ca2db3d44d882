/** The panel of training: how far it is, its curves, and a slider through its epochs. */

import { button, el, redraw, replace } from "../dom.js";
import { state } from "../state.js";
import { Curves } from "./curves.js";
import { chooseRun, followTraining, run, training } from "./feed.js";
import { BEST, LATEST, OFF, follow, following, onFollow, showEpoch } from "./follow.js";
import { scoreTable } from "./scores.js";
import { EpochSlider } from "./slider.js";
import { progressBar, stateChip } from "./status.js";

const remembered = { score: null, logarithmic: false, table: false };

/** Fill the element of the panel; returns what ends it. */
export function mountTraining(element) {
  element.classList.add("live");
  const status = el("div", { class: "live-status" });
  const choice = el("select", { "aria-label": "Run", onchange: () => chooseRun(Number(choice.value)) });
  const modes = el("div", { class: "live-modes", role: "group", "aria-label": "Which epoch is shown" });
  const by = el("select", { "aria-label": "Score of the best epoch", onchange: () => follow({ score: by.value }) });
  const slider = new EpochSlider();
  const shown = el("select", { "aria-label": "Score that is drawn", onchange: () => ((remembered.score = shown.value), draw()) });
  const scale = button("log", toggleScale, { class: "quiet curve-log", "aria-label": "Logarithmic scale of the loss", title: "Logarithmic scale" });
  const asTable = button("Table", toggleTable, { class: "quiet", "aria-pressed": String(remembered.table), title: "Scores of all epochs as a table" });
  const losses = new Curves({ title: "Loss", heading: ["Loss", scale], onPick: pick });
  const scores = new Curves({ title: "Score", heading: [shown], onPick: pick });
  const charts = el("div", { class: "live-charts" }, losses.element, scores.element);
  const table = el("div", { class: "live-table", hidden: true });
  const note = el("p", { class: "note", hidden: true });
  const news = el("p", { class: "live-news", role: "status" });
  const empty = el("p", { class: "empty" });
  const followed = el("div", { class: "row live-follow" }, modes, by, slider.element);
  const filled = el("div", { class: "live-filled" }, el("div", { class: "live-head" }, choice, status, el("span", { class: "spring" }), asTable), followed, note, news, charts, table);
  replace(element, filled, empty);

  /** Show an epoch that was clicked, or the nearest one whose predictions were kept. */
  function pick(epoch) {
    const tables = run()?.tables ?? [];
    if (tables.length === 0) return;
    showEpoch(tables.reduce((near, each) => (Math.abs(each - epoch) < Math.abs(near - epoch) ? each : near)));
  }

  function toggleTable() {
    remembered.table = !remembered.table;
    asTable.setAttribute("aria-pressed", String(remembered.table));
    draw();
  }

  function toggleScale() {
    remembered.logarithmic = !remembered.logarithmic;
    draw();
  }

  function show() {
    const now = run();
    filled.hidden = now === null;
    empty.hidden = now !== null;
    empty.textContent = training() ? "No run has begun. The page shows the first one as soon as it does." : "Reading …";
    if (!now) return;
    showRuns();
    replace(status, stateChip(now), progressBar(now));
    note.hidden = !now.note && !now.reason;
    note.textContent = [now.reason, now.note].filter(Boolean).join(" ");
    followed.hidden = now.tables.length === 0;
    showModes();
    slider.show();
    draw();
  }

  function showRuns() {
    const { runs } = training();
    choice.hidden = runs.length < 2;
    choices(choice, runs.map((each) => [each.id, `${each.job}${each.fold === null ? "" : ` · fold ${each.fold}`}`]), run().id);
  }

  function showModes() {
    const { mode, score } = following();
    const shownNow = mode === OFF && state.get("epoch") === null ? null : mode; // the end of the run is no epoch
    const press = (name, text, hint) => button(text, () => follow({ mode: name }), { "aria-pressed": String(shownNow === name), title: hint });
    redraw(
      modes,
      press(BEST, "Best", "The best epoch so far; a better one appears by itself"),
      press(LATEST, "Latest", "The latest epoch; each new one appears by itself"),
      press(OFF, "Hold", "Stay at this epoch"),
    );
    const names = Object.keys(run().best);
    choices(by, names.map((name) => [name, name]), score);
    by.hidden = mode !== BEST || names.length < 2;
  }

  function draw() {
    const now = run();
    if (!now) return;
    const names = Object.keys(now.curves);
    const others = names.filter((name) => !name.endsWith("/loss"));
    if (!others.includes(remembered.score)) remembered.score = ["val/accuracy", now.follow].find((name) => others.includes(name)) ?? others[0] ?? null;
    choices(shown, others.map((name) => [name, words(name)]), remembered.score);
    scale.setAttribute("aria-pressed", String(remembered.logarithmic));
    scores.element.hidden = others.length === 0;
    const current = state.get("epoch");
    losses.show({ epochs: now.epochs, series: seriesOf(now, ["train/loss", "val/loss"]), current, logarithmic: remembered.logarithmic });
    scores.show({ title: words(remembered.score), epochs: now.epochs, series: seriesOf(now, others.length ? [remembered.score] : []), current });
    charts.hidden = remembered.table;
    table.hidden = !remembered.table;
    if (remembered.table) redraw(table, scoreTable(now, current, pick));
  }

  function followEpoch() {
    if (run()) showModes();
    slider.show();
    draw();
  }

  show();
  const offs = [
    followTraining(show),
    state.on(["epoch"], followEpoch),
    onFollow((text) => {
      if (run()) showModes();
      if (text) news.textContent = text;
    }),
  ];
  return () => {
    offs.forEach((off) => off());
    [slider, losses, scores].forEach((each) => each.remove());
    element.classList.remove("live");
  };
}

/** Set the options of a menu; one that is open stays so as long as they are the same. */
function choices(menu, options, value) {
  const key = JSON.stringify(options);
  if (menu.dataset.options !== key) {
    replace(menu, options.map(([each, text]) => el("option", { value: each }, text)));
    menu.dataset.options = key;
  }
  menu.value = value === null ? "" : String(value);
}

function seriesOf({ curves, best }, names) {
  return names
    .filter((name) => name in curves)
    .map((name) => ({ name: sideOf(name), values: curves[name], kind: name.split("/")[0], best: best[name] ?? null }));
}

function sideOf(name) {
  return { train: "training", val: "validation" }[name.split("/")[0]] ?? name;
}

/** `val/balanced_accuracy` as words. */
function words(name) {
  const text = (name ?? "").split("/").at(-1).replaceAll("_", " ");
  return text === "auroc" ? "AUROC" : text.charAt(0).toUpperCase() + text.slice(1);
}
