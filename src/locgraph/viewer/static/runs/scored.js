/** Scores of an explanation on the stage: as colours, and outlines around the clusters that pass the threshold. */

import { complain } from "../notice.js";
import { fromHex } from "../stage/palettes.js";
import { stages } from "../stage/stage.js";
import { state } from "../state.js";
import { colour as themeColour } from "../theme.js";

const OVERLAY = "explanation";
const RING_PX = 11;

let wanted = null;
let off = null;
let applied = { scores: null, scene: null };
let switchedOn = null; // type of edges that is drawn for its scores alone

/**
 * Show scores on the first stage, also when its FOV arrives later.
 * @param {{level: string, content: object, passed: boolean[], largest: number}} scores content: answer of
 *   api/s/{s}/f/{i}/explanations/{k}; passed: which of `content[level].scores` are shown; largest: at the palette's ends.
 */
export function showScores(scores) {
  wanted = scores;
  const [stage] = stages();
  if (!stage) return;
  const show = () => apply(stage).catch(complain);
  off ??= stage.onChange(() => wanted && stage.scene && stage.scores === null && !isApplied(stage) && show());
  if (stage.scene) show();
}

/** Show none. */
export function clearScores() {
  wanted = null;
  applied = { scores: null, scene: null };
  off?.();
  off = null;
  const [stage] = stages();
  switchEdges(null);
  stage?.setOverlay(OVERLAY, []);
  if (stage?.scores) stage.setScores(null);
}

/** Whether these scores were put on this scene: some have nothing there to be shown on. */
function isApplied(stage) {
  return applied.scores === wanted && applied.scene === stage.scene;
}

async function apply(stage) {
  const shown = wanted;
  const { scene } = stage;
  applied = { scores: shown, scene };
  const clusters = await scene.loadClusters();
  const ends = shown.level === "edge" ? await loadClusterEdges(scene) : null;
  if (shown !== wanted || stage.scene !== scene) return;
  switchEdges(ends?.k ?? null);
  const options = { name: shown.content.explainer.replaceAll("_", " "), range: shown.largest };
  if (shown.level === "cluster" && clusters) {
    stage.setScores("cluster", byCluster(shown, clusters), options);
    stage.setOverlay(OVERLAY, outlines(stage, clusters, outlined(shown)));
  } else {
    stage.setOverlay(OVERLAY, []);
    if (shown.level === "localisation") stage.setScores("localisation", byRow(shown, scene.header.n), options);
    else if (ends) stage.setScores("edge", byEdge(shown, clusters, ends), { ...options, k: ends.k });
  }
}

/** Draw a type of edges while it has scores, and no longer. */
function switchEdges(k) {
  const layers = state.get("layers");
  const edges = new Set(layers.edges);
  if (switchedOn !== null && switchedOn !== k) edges.delete(switchedOn);
  if (k === null) switchedOn = null;
  else if (!edges.has(k)) {
    edges.add(k);
    switchedOn = k;
  }
  if (edges.size !== layers.edges.size || [...edges].some((each) => !layers.edges.has(each))) state.set({ layers: { ...layers, edges } });
}

function byCluster({ content, passed }, clusters) {
  const values = new Float32Array(clusters.ids.length).fill(NaN);
  content.cluster.ids.forEach((id, place) => {
    if (passed[place] && clusters.index.has(id)) values[clusters.index.get(id)] = content.cluster.scores[place];
  });
  return values;
}

function byRow({ content, passed }, n) {
  const values = new Float32Array(n).fill(NaN);
  content.localisation.rows.forEach((row, place) => {
    if (passed[place] && row < n) values[row] = content.localisation.scores[place];
  });
  return values;
}

/** Ends of the edges between clusters as the graph has them: {k, ends}; null where there are none. */
async function loadClusterEdges(scene) {
  const k = scene.header.edges.findIndex((each) => each.between === "cluster");
  return k < 0 ? null : { k, ends: await scene.loadEdges(k) };
}

/** Scores in the order of the edges that are drawn, of which the ends are centres of clusters. */
function byEdge({ content, passed }, clusters, { ends }) {
  const size = clusters.dimensions;
  const known = new Map();
  content.edge.sources.forEach((source, place) => {
    if (passed[place]) known.set(`${source} ${content.edge.targets[place]}`, content.edge.scores[place]);
  });
  const idAt = closestCentre(clusters);
  const values = new Float32Array(ends.length / (2 * size)).fill(NaN);
  for (let edge = 0; edge < values.length; edge += 1) {
    const [one, other] = [0, 1].map((end) => idAt(ends.subarray((2 * edge + end) * size, (2 * edge + end + 1) * size)));
    values[edge] = known.get(`${one} ${other}`) ?? NaN;
  }
  return values;
}

/** Returns the id of the cluster whose centre is closest to a place; places come again and are looked up once. */
function closestCentre({ ids, centres, dimensions }) {
  const kept = new Map();
  return (place) => {
    const key = place.join();
    if (!kept.has(key)) {
      let [best, least] = [-1, Infinity];
      for (let index = 0; index < ids.length; index += 1) {
        let distance = 0;
        for (let axis = 0; axis < dimensions; axis += 1) distance += (centres[index * dimensions + axis] - place[axis]) ** 2;
        if (distance < least) [best, least] = [index, distance];
      }
      kept.set(key, ids[best]);
    }
    return kept.get(key);
  };
}

/** Ids of the clusters to outline: those of the subgraph, or else those that pass a threshold that leaves some out. */
function outlined({ content, passed }) {
  const { ids, inside } = content.cluster;
  if (inside) return new Set(ids.filter((_, place) => inside[place] && passed[place]));
  return passed.every(Boolean) ? new Set() : new Set(ids.filter((_, place) => passed[place]));
}

function outlines(stage, clusters, chosen) {
  const ink = fromHex(themeColour("--ink"));
  const places = clusters.ids.map((id, place) => (chosen.has(id) ? place : -1)).filter((place) => place >= 0);
  if (!places.length) return [];
  const { hulls, centres, dimensions } = clusters;
  const polygons = hulls && hulls.kind !== "segments" && stage.camera.mode === "2d";
  const has = (place) => polygons && hulls.starts[place + 1] - hulls.starts[place] > 2;
  const pathOf = (place) => {
    const path = hulls.vertices.slice(hulls.starts[place], hulls.starts[place + 1]).map((vertex) => vertex.slice(0, 2));
    return [...path, path[0]];
  };
  const common = { ...stage.layerFrame, parameters: stage.camera.mode === "2d" ? { depthCompare: "always", depthWriteEnabled: false } : {} };
  return [
    new deck.PathLayer({ ...common, id: "explanation-outlines", data: places.filter(has), getPath: pathOf, getColor: ink, getWidth: 2, widthUnits: "pixels", jointRounded: true }),
    new deck.ScatterplotLayer({ ...common, id: "explanation-rings", data: places.filter((place) => !has(place)), getPosition: (place) => [...centres.slice(place * dimensions, (place + 1) * dimensions)], filled: false, stroked: true, getLineColor: ink, getRadius: RING_PX, radiusUnits: "pixels", getLineWidth: 2, lineWidthUnits: "pixels", billboard: true }),
  ];
}
