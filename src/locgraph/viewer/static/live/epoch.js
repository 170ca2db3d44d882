/** What an epoch predicted, put into the table of FOVs, so that every panel shows it; and where its map has them. */

import { json } from "../api.js";
import { complain } from "../notice.js";
import { offers, state } from "../state.js";
import { followTraining, run } from "./feed.js";
import { merged } from "./merge.js";

const KEPT = 24;
const MOST_READINGS = 5;
const AGAIN_MS = 1000;

const answers = new Map(); // "source/run/epoch" -> promise of the answer
let base = null; // the table as the server has it for the end of the run
let own = null; // the table that is shown instead
let asked = 0;
let readings = 0; // of the table, while it lacks FOVs of the epoch

/** Answer of api/s/{s}/live/{epoch}, of the run that is looked at; each is asked for once. */
export function readEpoch(epoch) {
  const [source, id] = [state.get("source"), run().id];
  const key = `${source}/${id}/${epoch}`;
  if (!answers.has(key)) {
    const answer = json(`api/s/${source}/live/${epoch}?run=${id}`);
    answer.catch(() => answers.delete(key));
    answers.set(key, answer);
    if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  }
  return answers.get(key);
}

/**
 * The map of an epoch, turned onto that of the epoch before.
 * @returns {Promise<?{fov: number[], x: number[], y: number[]}>} Rows of FOVs with their places; null without vectors.
 */
export async function liveMap(epoch) {
  const answer = await readEpoch(epoch);
  const table = base ?? state.get("fovs");
  if (!answer.map || !table) return null;
  const rows = new Map(table.rows.fov_id.map((name, row) => [name, row]));
  const places = { fov: [], x: [], y: [] };
  answer.rows.fov_id.forEach((name, place) => {
    const [x, y] = [answer.map[0][place], answer.map[1][place]];
    if (!rows.has(name) || x === null || y === null) return;
    places.fov.push(rows.get(name));
    places.x.push(x);
    places.y.push(y);
  });
  return places;
}

/** Show the epoch of the state; resolves when its table is shown. */
async function show() {
  const epoch = state.get("epoch");
  asked += 1;
  const number = asked;
  if (!base) return;
  if (epoch === null || !run()) {
    own = null;
    state.set({ fovs: base });
    return;
  }
  try {
    const answer = await readEpoch(epoch);
    if (number !== asked || !base) return;
    const { table, unknown } = merged(base, answer.rows);
    own = table;
    state.set({ fovs: table });
    if (unknown > 0 && readings < MOST_READINGS) {
      readings += 1;
      setTimeout(readFovs, AGAIN_MS); // the server looks at the files of a run from time to time
    }
  } catch (error) {
    if (number !== asked) return;
    if (error.status === 404 && !run()?.tables.includes(epoch)) return; // kept no longer
    complain(error);
  }
}

/** Read the table of FOVs again: of a run that goes on it grows, and at its end it gets predictions. */
async function readFovs() {
  const source = state.get("source");
  try {
    const fovs = await json(`api/s/${source}/fovs`);
    if (source !== state.get("source")) return;
    const first = fovs.rows.fov_id.findIndex((_, row) => !fovs.rows.problem?.[row]);
    // of a run that had only begun there was no FOV to show
    state.set(state.get("fov") === null && first >= 0 ? { fovs, fov: first } : { fovs });
  } catch (error) {
    complain(error);
  }
}

async function readSession() {
  try {
    state.set({ session: await json("api/session") });
  } catch (error) {
    complain(error);
  }
}

state.on(["fovs"], () => {
  const fovs = state.get("fovs");
  if (fovs === own || fovs === base) return;
  base = fovs;
  own = null;
  if (base && offers("live") && state.get("epoch") !== null) show();
});
state.on(["epoch"], show);
state.on(["source"], () => {
  answers.clear();
  readings = 0;
});

followTraining(({ runChanged, before }) => {
  if (runChanged) show();
  const now = run();
  if (!now || !before || before.id !== now.id) return;
  if (now.started !== before.started) answers.clear(); // it was started again, and trains some epochs anew
  if (before.state === "running" && now.state === "completed") {
    readFovs();
    readSession();
  } else if (before.epochs.length === 0 && now.epochs.length > 0) {
    readFovs();
  }
});
