/** How far a run is: its state as a chip, and the epochs that are done as a bar. */

import { el, short } from "../dom.js";

/** States in words. */
export const WORDS = {
  running: "running",
  completed: "completed",
  failed: "failed",
  interrupted: "died",
  silent: "silent",
  waiting: "waiting",
  lost: "lost",
  missing: "not started",
};

/** The state of a run or job; why it is so is its title. */
export function stateChip({ state, reason }) {
  return el("span", { class: "live-state", dataset: { state }, title: reason ?? null }, WORDS[state] ?? state);
}

/** Epochs that are done of all, the time of one, and when the last one ends. */
export function progressBar(run) {
  const done = run.epochs.length === 0 ? 0 : run.epochs.at(-1) + 1;
  const total = run.max_epochs;
  const early = run.state === "completed" && total > done ? "stopped early after " : "";
  const parts = [total ? `${early}${short(done)} of ${short(total)} epochs` : `${short(done)} epochs`];
  if (run.seconds_per_epoch) parts.push(`${run.seconds_per_epoch < 1 ? run.seconds_per_epoch.toPrecision(2) : short(run.seconds_per_epoch)} s each`);
  const end = run.expected_end ? new Date(run.expected_end) : null;
  if (end) parts.push(`ends at ${clock(end)} at the latest`);
  const bar = total ? el("progress", { max: total, value: done, "aria-label": "Epochs that are done" }) : null;
  return el("span", { class: "live-progress" }, bar, el("span", { class: "number" }, parts.join(" · ")));
}

/** The time of day, with the day where it is another one. */
function clock(when) {
  const time = { hour: "2-digit", minute: "2-digit" };
  const today = when.toDateString() === new Date().toDateString();
  return when.toLocaleString([], today ? time : { ...time, month: "short", day: "numeric" });
}
