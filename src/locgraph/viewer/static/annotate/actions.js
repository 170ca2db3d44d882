/** What an annotator does, whatever it is done with: keys, buttons or the pointer. */

import { json } from "../api.js";
import { complain, notify } from "../notice.js";
import { stages } from "../stage/stage.js";
import { state } from "../state.js";
import { newName, Steps } from "./steps.js";
import { change, drawnLabel, inOrder, nextToDo, work } from "./work.js";

const SETTINGS = "locgraph-annotate";
const announced = new Set();

/** @type {Steps} */
let steps = null;

/** Follow what is said for those who do not see it: `callback(text)`. */
export function onAnnounce(callback) {
  announced.add(callback);
  return () => announced.delete(callback);
}

function announce(text) {
  announced.forEach((callback) => callback(text));
}

/** Start with what the server knows. */
export async function startWork(about) {
  change({ about, ...settings() });
  steps = new Steps(about.key, { onSaving, onSaved, onRefused, onBack });
  if (steps.adopted) {
    const text = `${count(steps.adopted, "step")} had not reached the file when this page was last closed, and will now.`;
    notify(text);
  }
  await loadProgress();
}

/** Ask how far this annotator is. */
async function loadProgress() {
  try {
    const { states, ...progress } = await json("api/annotations/progress");
    change({ progress, states });
  } catch (error) {
    complain(error);
  }
}

/** Load what was said of the FOV that is shown. */
export async function loadCurrent() {
  const fov = state.get("fov");
  if (work.current && work.current.fov !== fov) change({ current: null });
  if (fov === null || state.get("source") !== 0) return;
  try {
    const current = await json(`api/annotations/f/${fov}`);
    if (state.get("fov") === fov) change({ current: { fov, ...current } });
  } catch (error) {
    complain(error);
  }
}

/** The name of the FOV that is shown. */
export function fovName(fov = state.get("fov")) {
  return state.get("fovs")?.rows.fov_id[fov] ?? null;
}

/** Choose a class by its place: say it of the FOV, or draw with it. */
export function chooseClass(place, tool = "key") {
  const label = work.about.classes[place];
  if (label === undefined) return;
  if (work.mode === "fov") stateClass(label, tool);
  else {
    change({ chosen: place, erasing: false });
    announce(`Drawing ${label}.`);
  }
}

/** Say the class of the FOV that is shown; null says that it was looked at and has none. */
export function stateClass(label, tool = "key") {
  const fov = state.get("fov");
  if (!push({ target: "fov", label, tool })) return;
  const known = label === null ? "unsure" : "labelled";
  change({
    states: statesWith(fov, known),
    current: work.current && { ...work.current, label, state: known },
  });
  const next = work.advancing ? nextToDo(fov) : null;
  announce(`${fovName(fov)}: ${label ?? "unsure"}. ${work.advancing ? arrival(next) : ""}`);
  if (next !== null) goTo(next);
  else if (work.advancing && !work.states.includes("to do")) notify("Every FOV has been looked at. Thank you!");
}

function arrival(next) {
  return next === null ? "None is left." : `Now ${fovName(next)}.`;
}

/** Leave this FOV for later, and go to the next one of which nothing is said. */
export function skip() {
  const next = nextToDo(state.get("fov"));
  announce(next === null ? "No other FOV is left to do." : `Now ${fovName(next)}.`);
  if (next !== null) goTo(next);
  else notify("No other FOV is left to do.");
}

/** Go to the next or previous FOV in the order. */
export function walk(step) {
  const fov = inOrder(state.get("fov"), step);
  if (fov !== null) goTo(fov);
}

function goTo(fov) {
  state.set({ fov });
}

/** Say the predicted class of the FOV, where it is shown. */
export function accept() {
  const suggestion = work.suggesting ? work.current?.suggestion : null;
  if (suggestion?.can_accept) stateClass(suggestion.label);
}

/** Show predictions, or hide them. */
export function toggleSuggestions() {
  if (work.about.suggestions) change({ suggesting: !work.suggesting });
}

/** Whether a class leads to the next FOV. */
export function toggleAdvancing() {
  change({ advancing: !work.advancing });
  keepSettings();
}

/** Change what a class is said of; the same mode again goes back to the whole FOV. */
export function setMode(mode) {
  change({ mode: work.mode === mode ? "fov" : mode, erasing: work.mode !== mode && mode !== "fov" && work.erasing });
  announce(work.mode === "fov" ? "Classes of whole FOVs." : `Tool: ${work.mode}.`);
}

/** Take classes away with the tool, or give them again. */
export function toggleEraser() {
  change(work.mode === "fov" ? { mode: "brush", erasing: true } : { erasing: !work.erasing });
}

/** Set the radius of the brush in nm. */
export function setRadius(radius) {
  if (Number.isFinite(radius) && radius > 0) change({ radius: Number(radius.toPrecision(3)) });
}

/** Keep a shape that was drawn. */
export function addShape({ tool, points, radius }) {
  const round = tool === "brush" || tool === "point";
  const target = tool === "point" ? "point" : "region";
  const pushed = push({ target, label: drawnLabel(), tool, points, radius: round ? (radius ?? work.radius) : null });
  if (pushed) announce(`${drawnLabel() ?? "No class"}: ${tool}.`);
}

/** Keep the class of a cluster that was clicked. */
export function addCluster(cluster) {
  const pushed = push({ target: "cluster", label: drawnLabel(), tool: "click", cluster_id: cluster });
  if (pushed) announce(`Cluster ${cluster}: ${drawnLabel() ?? "no class"}.`);
}

/** Take back the last step, or with `redo` the last undo. */
export function undo(redo = false) {
  steps.push("api/annotations/undo", { ...signed(), redo });
}

/** Send again what had to wait. */
export function retry() {
  steps.retry();
}

/** Give up the first step that waits. */
export function discard() {
  steps.discard();
  loadProgress();
  loadCurrent();
}

/** Send a statement about the FOV that is shown; returns whether there is one to speak of. */
function push(statement) {
  const name = fovName();
  if (state.get("source") !== 0 || !name) return false;
  // a key that is pressed twice must not speak of a FOV that nobody has seen yet
  if (stages()[0]?.scene?.header.fov_id !== name) {
    notify(`${name} is not shown yet, so that nothing was said of it.`);
    return false;
  }
  steps.push("api/annotations", { ...signed(), fov_id: name, ...statement });
  return true;
}

function statesWith(fov, known) {
  return work.states.map((each, place) => (place === fov ? known : each));
}

function signed() {
  return { annotation_id: newName(), annotator: work.about.annotator };
}

function onSaving(saving) {
  change({ saving });
}

function onSaved(answer, step) {
  const undone = step.path.endsWith("undo");
  const states = answer.fov === null ? work.states : statesWith(answer.fov, answer.state);
  // states of FOVs whose steps are still on their way are newer here than in the answer
  change({ progress: answer.progress, states: steps.waiting ? work.states : states });
  if (work.current) change({ current: { ...work.current, can_undo: answer.can_undo, can_redo: answer.can_redo } });
  if (undone) {
    announce(`${step.body.redo ? "Done again" : "Undone"}: ${fovName(answer.fov) ?? "a FOV that is not shown here"}.`);
    if (answer.fov !== null && answer.fov !== state.get("fov")) return goTo(answer.fov);
  }
  if (answer.fov === state.get("fov")) loadCurrent();
  return undefined;
}

function onRefused(error) {
  complain(error);
  loadProgress();
  loadCurrent();
}

function onBack(number, since) {
  const at = since.toLocaleTimeString();
  notify(`The viewer could not save since ${at}. It can again: ${count(number, "step")} kept here, in the file now.`, {
    stays: true,
  });
  loadProgress();
  loadCurrent();
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function settings() {
  try {
    return { advancing: JSON.parse(localStorage.getItem(SETTINGS))?.advancing ?? true };
  } catch {
    return {};
  }
}

function keepSettings() {
  try {
    localStorage.setItem(SETTINGS, JSON.stringify({ advancing: work.advancing }));
  } catch {
    // storage is not allowed in some frames: the choice lasts as long as the page
  }
}
