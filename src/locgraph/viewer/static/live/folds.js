/** All runs of a sweep as small curves on one scale, with the jobs that have left none. */

import { el, redraw, replace, short, svg } from "../dom.js";
import { chooseRun, followTraining, run, training } from "./feed.js";
import { coordinates, pathOf, scaleOf } from "./scales.js";
import { WORDS, stateChip } from "./status.js";

const [WIDTH, HEIGHT, ROOM] = [200, 84, 6];
const remembered = { score: null };

/** Fill the element of the panel; returns what ends it. */
export function mountFolds(element) {
  element.classList.add("live");
  const choice = el("select", { "aria-label": "Score that is drawn", onchange: () => ((remembered.score = choice.value), show()) });
  const counts = el("span", { class: "note" });
  const grid = el("div", { class: "live-folds" });
  replace(element, el("div", { class: "live-head" }, el("label", {}, "score ", choice), counts), grid);

  function show() {
    const { runs, jobs } = training() ?? { runs: [], jobs: [] };
    const names = [...new Set(runs.flatMap((each) => Object.keys(each.curves)))].sort();
    if (!names.includes(remembered.score)) remembered.score = [run()?.follow, "val/loss"].find((name) => names.includes(name)) ?? names[0] ?? null;
    replace(choice, names.map((name) => el("option", { value: name }, name)));
    choice.value = remembered.score ?? "";
    counts.textContent = countStates(jobs.length ? jobs : runs);
    const shared = sharedScale(runs, remembered.score);
    const begun = new Set(runs.map((each) => each.job));
    redraw(
      grid,
      [...runs].sort(byFold).map((each) => card(each, remembered.score, shared)),
      jobs.filter((job) => !begun.has(job.job)).map(absent),
    );
  }

  show();
  const off = followTraining(show);
  return () => {
    off();
    element.classList.remove("live");
  };
}

function byFold(one, other) {
  return (one.fold ?? Infinity) - (other.fold ?? Infinity) || one.id - other.id;
}

function countStates(jobs) {
  const counts = new Map();
  jobs.forEach(({ state }) => counts.set(state, (counts.get(state) ?? 0) + 1));
  return [...counts].map(([state, count]) => `${count} ${WORDS[state] ?? state}`).join(", ");
}

/** One scale for all, so that runs can be compared at sight. */
function sharedScale(runs, name) {
  const epochs = runs.flatMap((each) => each.epochs);
  const high = epochs.reduce((a, b) => Math.max(a, b), 1);
  return { across: { low: 0, high }, up: scaleOf(runs.flatMap((each) => each.curves[name] ?? [])) };
}

function titleOf({ job, fold }) {
  return fold === null ? `job ${job}` : `fold ${fold}`;
}

function card(each, name, { across, up }) {
  const values = each.curves[name] ?? [];
  const best = each.best[name] ?? null;
  const place = coordinates({ left: ROOM, right: WIDTH - ROOM, top: ROOM, bottom: HEIGHT - ROOM }, across, up);
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: `curve-line ${name?.split("/")[0]}`, d: pathOf(each.epochs, values, place) }),
  );
  const latest = values.findLast((value) => value !== null);
  const words = best ? `best ${short(best.value)} · epoch ${best.epoch}` : `latest ${short(latest)}`;
  const label = `${titleOf(each)}, ${each.state}, ${words}`;
  return el(
    "button",
    { type: "button", class: "live-fold", "aria-pressed": String(each.id === run()?.id), "aria-label": label, onclick: () => chooseRun(each.id) },
    el("span", { class: "live-fold-head" }, el("strong", {}, titleOf(each)), stateChip(each)),
    drawing,
    el("span", { class: "note number" }, words),
  );
}

function absent(job) {
  return el(
    "div",
    { class: "live-fold live-absent" },
    el("span", { class: "live-fold-head" }, el("strong", {}, titleOf(job)), stateChip(job)),
    el("span", { class: "note" }, job.reason ?? "It has left no run."),
  );
}
