/** Values of a picture in words: what is shown, and what lies under the pointer. */

import { short } from "../dom.js";
import { state } from "../state.js";
import { chosenColumn, unitOf } from "./colours.js";
import { numberText, valueText } from "./numbers.js";
import { POSITION, ROW } from "./scene.js";

const AXES = ["x", "y", "z"];

/** Return why a stage shows no FOV. */
export function reasonForNone({ problem, shown }) {
  if (problem) return capital(problem);
  const fovs = state.get("fovs");
  if (!fovs || (shown && shown.fov !== null)) return "Reading …";
  const problems = fovs.rows.problem ?? [];
  const total = fovs.rows.fov_id.length;
  if (total === 0) return "There is no field of view yet.";
  if (total > problems.filter(Boolean).length) return "No field of view is shown. Choose one in the list.";
  const none = total === 1 ? "The field of view cannot be drawn" : `None of the ${short(total)} fields of view can be drawn`;
  return `${none}. ${capital(problems[0])}`;
}

/** Return what a stage shows as one sentence, for those who do not see it. */
export function describeScene(stage) {
  const { scene, look, scores } = stage;
  if (!scene) return "No field of view is shown.";
  const by = chosenColumn(scene, look.colour.by);
  const colour = scores ? `coloured by ${scores.name}` : by ? `coloured by ${by}` : "in one colour";
  const clusters = scene.header.clusters ? `, ${numberText(scene.header.clusters.n, 6)} clusters` : "";
  return `FOV ${scene.header.fov_id}: ${countText(stage.count, scene)}, ${colour}${clusters}.`;
}

/** Return how many localisations are shown. */
export function countText(count, scene) {
  const all = `${short(scene.header.n)} ${scene.header.n === 1 ? "localisation" : "localisations"}`;
  return !count || count.shown === count.all ? all : `${short(count.shown)} of ${all}`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Return what was picked as plain values.
 *
 * @param {Stage} stage
 * @param {{localisation: object|null, cluster: number}} picked see `Stage.pickAt`.
 * @returns {object|null} {kind: "localisation", row, position: [x, y, (z)] nm of the file, values: {column: value},
 *   cluster_id: id or null} or {kind: "cluster", cluster_id, index, position, values}; row is null until it is fetched.
 */
export function plainPick(stage, { localisation, cluster }) {
  const { scene } = stage;
  if (localisation) return plainLocalisation(scene, localisation);
  if (cluster < 0) return null;
  const { clusters } = scene;
  const values = Object.fromEntries(Object.entries(clusters.values).map(([name, own]) => [name, own[cluster]]));
  const position = scene.header.origin.map((origin, axis) => clusters.centres[cluster * scene.dimensions + axis] + origin);
  return { kind: "cluster", cluster_id: clusters.ids[cluster], index: cluster, position, values };
}

function plainLocalisation(scene, { entry, index }) {
  const place = entry.columns.get(POSITION);
  const position = scene.header.origin.map((origin, axis) => place[index * scene.dimensions + axis] + origin);
  const values = {};
  for (const [name, own] of entry.columns) {
    if (name === POSITION || name === ROW) continue;
    values[name] = own[index] + (scene.isCategorical(name) ? scene.columns.get(name).first ?? 0 : 0);
  }
  const row = entry.columns.get(ROW)?.[index] ?? null;
  const own = values[scene.clusterColumn];
  return { kind: "localisation", row, node: entry.id, index, position, values, cluster_id: own >= 0 ? own : null };
}

/** Return the lines of a tooltip: [name, value with unit]; the first is the title. */
export function pickLines(scene, pick) {
  const title = pick.kind === "cluster" ? ["cluster", String(pick.cluster_id)] : ["localisation", pick.row === null ? "" : `row ${pick.row}`];
  const places = pick.position.map((value, axis) => [AXES[axis], `${value.toFixed(1).replace("-", "−")} nm`]);
  const about = pick.kind === "cluster" ? new Map(scene.header.clusters.columns.map((one) => [one.name, one])) : scene.columns;
  const values = Object.entries(pick.values).filter(([name]) => name !== "z").map(([name, value]) => [name, columnText(scene, about.get(name), name, value, pick.kind)]);
  return [title, ...places, ...values];
}

function columnText(scene, column, name, value, kind) {
  if (kind === "localisation" && scene.isCategorical(name)) return scene.label(name, value - (column.first ?? 0));
  return valueText(value, column ? unitOf(column) : "");
}
