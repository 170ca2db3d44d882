/** Annotation: shown where the server takes labels. */

import { buffer } from "../api.js";
import { complain } from "../notice.js";
import { registerPanel, setPlace } from "../panels.js";
import { sizeOf } from "../stage/look.js";
import { stages } from "../stage/stage.js";
import { state } from "../state.js";
import { onTheme, theme } from "../theme.js";
import { loadCurrent, startWork } from "./actions.js";
import { startKeys } from "./keys.js";
import { overlayLayers, readLabelled } from "./overlay.js";
import { mountPanel } from "./panel.js";
import { startTools } from "./tools.js";
import { follow, work } from "./work.js";

const SOURCE = 0;

registerPanel({
  id: "annotate",
  title: "Annotate",
  place: "right",
  order: 0,
  when: (source) => source?.id === SOURCE && state.get("session")?.annotate !== null,
  mount: (element) => {
    prepare();
    return mountPanel(element);
  },
});

let prepared = false;

/** Start annotation, once. */
function prepare() {
  if (prepared) return;
  prepared = true;
  const about = state.get("session").annotate;
  const started = startWork(about);
  startKeys();
  startTools();
  state.on(["fov", "fovs", "source"], loadCurrent);
  follow((changed) => changed.includes("current") && loadLabelled());
  stages()[0]?.onCamera(followCamera);
  state.on(["points"], draw);
  onTheme(draw);
  setPlace("right", true);
  started.then(openFirst);
}

/** Begin where this annotator stopped. */
function openFirst() {
  const open = () => {
    if (!state.get("fovs")) return;
    off();
    const first = work.progress?.next ?? about().sequence[0] ?? null;
    if (first === state.get("fov")) loadCurrent();
    else state.set({ fov: first });
  };
  const off = state.on(["fovs"], open);
  open();
}

function about() {
  return work.about;
}

let labelled = null;

/** Load which localisations have a class, and draw all that was said. */
async function loadLabelled() {
  const { current } = work;
  const stage = stages()[0];
  labelled = null;
  if (current?.statements.some((each) => each.target !== "fov")) {
    try {
      const bytes = await buffer(`api/annotations/f/${current.fov}/labelled`, Uint8Array);
      if (work.current !== current) return;
      const dimensions = await dimensionsOf(stage, current.fov);
      labelled = readLabelled(bytes.buffer, dimensions);
    } catch (error) {
      complain(error);
    }
  }
  if (work.current === current) draw();
}

/** Dimensions of the FOV that is shown, once the stage has it. */
function dimensionsOf(stage, fov) {
  const shows = () => stage?.scene && stage.shown?.fov === fov;
  if (shows() || !stage) return Promise.resolve(stage?.scene?.dimensions ?? 2);
  return new Promise((resolve) => {
    const off = stage.onChange(() => {
      if (!shows()) return;
      off();
      resolve(stage.scene.dimensions);
    });
  });
}

let drawnLook = "";

/** Layers lie otherwise in 3D, and localisations grow with the zoom. */
function followCamera() {
  const stage = stages()[0];
  if (stage.scene && lookKey(stage) !== drawnLook) draw();
}

function lookKey(stage) {
  const { unit, radius } = sizeOf(stage.look.points, stage.scene, stage.camera);
  return `${stage.camera.mode} ${unit} ${radius.toFixed(1)}`;
}

function draw() {
  const stage = stages()[0];
  if (!stage?.scene) return;
  const { current } = work;
  drawnLook = lookKey(stage);
  const flat = stage.camera.mode === "2d";
  const look = {
    classes: work.about.classes,
    dark: theme() === "dark",
    frame: stage.layerFrame,
    flat,
    size: sizeOf(stage.look.points, stage.scene, stage.camera),
    others: current?.others ?? [],
    veiled: flat && labelled?.codes.length ? stage.scene.header.box : null,
  };
  stage.setOverlay("annotate", current ? overlayLayers(current.statements, labelled, look) : []);
}
