/** Which epoch is shown: one that was chosen, the latest, or the best so far by a score; a new one appears by itself. */

import { state } from "../state.js";
import { followTraining, run } from "./feed.js";

export const OFF = "off";
export const LATEST = "latest";
export const BEST = "best";

let mode = OFF;
let score = null;
let target = null;
const followers = new Set();

/** {mode: "off" | "latest" | "best", score}. */
export function following() {
  return { mode, score: score ?? run()?.follow ?? null };
}

/** Follow the latest epoch, or the best by a score, or none. */
export function follow(changes) {
  mode = changes.mode ?? mode;
  score = changes.score ?? score;
  target = null;
  step();
  tell(null);
}

/** Show one epoch and follow no longer; null is the end of the run. */
export function showEpoch(epoch) {
  mode = OFF;
  state.set({ epoch });
  tell(null);
}

/** Call `callback(news)` when it changes; news is a sentence about a new best epoch, or null. */
export function onFollow(callback) {
  followers.add(callback);
  return () => followers.delete(callback);
}

function tell(news) {
  followers.forEach((callback) => callback(news));
}

/** The epoch that is followed now, as far as its predictions are there. */
function wanted() {
  const now = run();
  if (!now || mode === OFF) return null;
  if (mode === LATEST) return now.tables.at(-1) ?? null;
  const best = now.best[following().score]?.epoch;
  return now.tables.includes(best) ? best : null;
}

function step() {
  const epoch = wanted();
  if (epoch === null || epoch === target) return;
  const first = target === null;
  target = epoch;
  state.set({ epoch });
  if (!first && mode === BEST) {
    const name = following().score;
    tell(`New best ${name}: ${run().best[name].value.toPrecision(3)} at epoch ${epoch}.`);
  }
}

followTraining(({ runChanged }) => {
  if (runChanged) {
    target = null;
    score = null;
    // what is over is shown as it ended
    mode = run()?.state === "running" ? BEST : OFF;
  }
  step();
  if (runChanged) tell(null);
});
