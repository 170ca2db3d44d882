/** Scores with intervals beside controls, calibration, and how each run was made. */

import { json } from "../api.js";
import { el, replace, short } from "../dom.js";
import { registerPanel } from "../panels.js";
import { offers, state } from "../state.js";
import { intervalPlot } from "./intervals.js";

const WORDS = { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", f1: "F1", auroc: "AUROC", loss: "loss", iou: "IoU" };
const CALIBRATION = { ece: "calibration error", adaptive_ece: "adaptive calibration error", brier: "Brier score", nll: "log loss" };

const plainName = (name) => WORDS[name] ?? name.replaceAll("_", " ");

function mount(element) {
  let gone = false;
  const note = el("p", { class: "empty" }, "Reading …");
  replace(element, note);
  json(`api/s/${state.get("source")}/metrics`)
    .then((data) => !gone && show(element, data))
    .catch((error) => (note.textContent = error.message));
  return () => {
    gone = true;
  };
}

function show(element, data) {
  const metrics = [...new Set(data.table.map((row) => row.metric))];
  const plot = el("div", { class: "scores-plot" });
  const choice = el("select", { "aria-label": "Metric" }, metrics.map((name) => el("option", { value: name }, plainName(name))));
  const draw = () => replace(plot, intervalPlot(data.table.filter((row) => row.metric === choice.value), data.sources, plainName(choice.value), plot.clientWidth));
  choice.addEventListener("change", draw);
  const scores = metrics.length
    ? el("section", {}, el("div", { class: "row" }, el("h3", {}, "Scores on the test FOVs"), choice), plot, el("p", { class: "note" }, "Points are folds, bars 95 % intervals of the mean. Grey: simple classifiers that any network has to beat."))
    : el("section", {}, el("h3", {}, "Scores"), el("p", { class: "note" }, capital((data.reason ?? "There are none.").replaceAll("`", ""))), ownScores(data));
  replace(
    element,
    el("div", { class: "scores" }, el("div", { class: "scores-main" }, headline(data), scores), el("div", { class: "scores-side" }, problems(data), calibration(data), runs(data))),
  );
  if (metrics.length) draw();
}

function headline({ headline: text }) {
  if (!text) return null;
  const end = text.indexOf(". ") + 1 || text.length;
  const [first, rest] = [text.slice(0, end), text.slice(end)].map((part) => part.replaceAll("`", "").trim());
  return el("div", { class: "headline" }, el("p", {}, first), rest ? el("details", {}, el("summary", { class: "note" }, "Is it better than simple classifiers?"), el("p", {}, rest)) : null);
}

/** What a run without a table of scores holds, such as the losses of a representation. */
function ownScores({ runs: all }) {
  const rows = all.flatMap((run) => Object.entries(run.scores).map(([side, scores]) => el("tr", {}, el("th", { scope: "row" }, run.name), el("td", {}, side), el("td", { class: "number" }, Object.entries(scores).map(([name, value]) => `${plainName(name)} ${short(value)}`).join(", ")))));
  return rows.length ? el("table", {}, el("tbody", {}, rows)) : null;
}

function problems({ problems: all }) {
  return all.length ? el("section", { class: "problems" }, el("h3", {}, "What is missing"), el("ul", {}, all.map((text) => el("li", {}, text)))) : null;
}

function calibration({ calibration: folds, checked }) {
  const known = folds.filter((each) => each.test?.after);
  if (!known.length && !checked.length) return null;
  const mean = (when, name) => {
    const values = known.map((each) => each.test[when]?.[name]).filter((value) => Number.isFinite(value));
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  };
  const rows = Object.entries(CALIBRATION).map(([name, words]) => {
    const interval = checked.find((row) => row.measure === name);
    const range = interval?.interval_low != null ? `${short(interval.interval_low)} to ${short(interval.interval_high)}` : "–";
    return el("tr", {}, el("th", { scope: "row" }, words), el("td", { class: "number" }, short(mean("before", name))), el("td", { class: "number" }, short(mean("after", name))), checked.length ? el("td", { class: "number" }, range) : null);
  });
  const head = ["mean of folds", "before", "after", ...(checked.length ? ["95 % interval"] : [])];
  const cover = checked.find((row) => row.measure.includes("coverage"));
  return el(
    "section",
    {},
    el("h3", {}, "Calibration"),
    known.length ? el("table", {}, el("thead", {}, el("tr", {}, head.map((text, index) => el("th", { scope: "col", class: index ? "number" : null }, text)))), el("tbody", {}, rows)) : null,
    known.length && known[0].method ? el("p", { class: "note" }, `Probabilities are calibrated by ${known[0].method} on the validation FOVs.`) : null,
    cover ? el("p", { class: "note" }, `Prediction sets hold the true class of ${(100 * cover.value).toFixed(0)} % of ${short(cover.n_fovs)} test FOVs.`) : null,
  );
}

function runs({ runs: all }) {
  const items = all.map((run) => {
    const accuracy = run.scores.test?.accuracy;
    const summary = el("summary", {}, el("span", { class: `state ${run.state}` }, run.state), ` ${run.name}`, accuracy === undefined ? "" : `, accuracy ${accuracy.toFixed(3)}`, run.epochs ? `, ${run.epochs} epochs` : "");
    return el("details", { class: "run" }, summary, facts(run));
  });
  return el("section", {}, el("h3", {}, all.length === 1 ? "The run" : "The runs"), items);
}

function facts(run) {
  const seconds = run.seconds ? Object.entries(run.seconds).map(([name, value]) => `${name} ${short(value)} s`).join(", ") : null;
  const commit = run.git?.commit ? `${run.git.commit.slice(0, 10)}${run.git.dirty ? ", with changes" : ""}` : null;
  const pairs = [
    ["why it ended", run.reason],
    ["experiment", run.experiment || null],
    ["started", run.started],
    ["ended", run.ended],
    ["parameters", run.parameters === undefined ? null : short(run.parameters)],
    ["precision", run.precision],
    ["time", seconds],
    ["seed", run.seed],
    ["locgraph", [run.version, commit].filter(Boolean).join(", ") || null],
    ["folder", run.folder],
  ].filter(([, value]) => value !== null && value !== undefined);
  const settings = run.overrides.length ? el("div", { class: "settings" }, run.overrides.map((text) => el("code", {}, text))) : null;
  const warnings = run.warnings?.length ? el("ul", { class: "note" }, run.warnings.map((text) => el("li", {}, text))) : null;
  return [el("dl", {}, pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])), settings, warnings].filter(Boolean);
}

function capital(text) {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

registerPanel({ id: "metrics", title: "Scores", place: "bottom", order: 40, when: () => offers("metrics"), mount });
