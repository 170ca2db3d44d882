/** Drawing on the stage, one shape after the other, for as long as a tool is chosen. */

import { startDrawing } from "../stage/drawing.js";
import { stages } from "../stage/stage.js";
import { state } from "../state.js";
import { addCluster, addShape, setRadius } from "./actions.js";
import { change, follow, ROUND, work } from "./work.js";

const REACH_PX = 24;

/** Radius of a brush at first, in pixels. */
const FIRST_PX = 14;

let drawing = null;
let drawn = "";

/** Follow the tool that is chosen; returns what ends it. */
export function startTools() {
  const ends = [follow(update), state.on(["fov", "source"], update)];
  ends.push(
    state.on(["tool"], () => {
      // a tool of the stage itself, as for measuring
      if (state.get("tool") !== "pan" && work.mode !== "fov") change({ mode: "fov" });
    }),
  );
  update();
  return () => {
    ends.forEach((end) => end());
    drawing?.abort();
  };
}

function update() {
  const stage = stages()[0];
  const on = stage && work.mode !== "fov" && state.get("fov") !== null && state.get("source") === 0;
  if (on && work.radius === null) return setFirstRadius(stage);
  const wanted = on ? [work.mode, state.get("fov"), ROUND.includes(work.mode) ? work.radius : ""].join(" ") : "";
  if (wanted === drawn) return undefined;
  drawn = wanted;
  drawing?.abort();
  drawing = null;
  if (!on) return undefined;
  drawing = new AbortController();
  state.set({ tool: "pan" });
  return draw(stage, work.mode, drawing.signal);
}

/** A radius that is well seen with the camera as it is. */
function setFirstRadius(stage) {
  const [one, other] = [stage.toData([0, 0]), stage.toData([FIRST_PX, 0])];
  const radius = Math.hypot(one[0] - other[0], one[1] - other[1]);
  if (radius > 0) setRadius(radius);
}

async function draw(stage, mode, signal) {
  while (!signal.aborted) {
    const radius = ROUND.includes(mode) ? work.radius : null;
    const shape = await startDrawing(stage, mode === "cluster" ? "point" : mode, { radius, signal });
    if (signal.aborted) return;
    if (shape === null) {
      change({ mode: "fov", erasing: false });
      return;
    }
    if (mode === "cluster") {
      const cluster = await clusterAt(stage, stage.toScreen(shape.points[0]));
      if (cluster !== null && !signal.aborted) addCluster(cluster);
    } else {
      addShape(shape);
      if (shape.radius && shape.radius !== work.radius) setRadius(shape.radius);
    }
  }
}

/** Name of the cluster at a pixel: that of the localisation there, or the one with the closest centre; else null. */
async function clusterAt(stage, pixel) {
  const { scene } = stage;
  if (!scene?.clusters) return null;
  const picked = await stage.complete(stage.pickAt(pixel));
  if (picked.cluster >= 0) return Number(scene.clusters.ids[picked.cluster]);
  if (picked.localisation && scene.clusterColumn) {
    const { entry, index } = picked.localisation;
    const name = entry.columns.get(scene.clusterColumn)[index] + (scene.columns.get(scene.clusterColumn).first ?? 0);
    if (name >= 0) return name;
  }
  return closestCentre(stage, pixel);
}

function closestCentre(stage, pixel) {
  const { ids, centres, dimensions } = stage.scene.clusters;
  let [best, least] = [null, REACH_PX];
  for (let index = 0; index < ids.length; index += 1) {
    const centre = Array.from(centres.subarray(index * dimensions, (index + 1) * dimensions));
    const [x, y] = stage.toScreen(centre);
    const off = Math.hypot(x - pixel[0], y - pixel[1]);
    if (off < least) [best, least] = [Number(ids[index]), off];
  }
  return best;
}
