/** The page: asks what there is, and shows the panels of all parts. */

import "./annotate/annotate.js";
import { json } from "./api.js";
import { el, replace } from "./dom.js";
import "./live/live.js";
import { complain, notify } from "./notice.js";
import { arrangePlaces } from "./panels.js";
import { sourceOf, state } from "./state.js";
import "./runs/index.js";
import "./stage/workspace.js";
import { startTheme } from "./theme.js";

async function showSource() {
  const id = state.get("source");
  const source = sourceOf();
  document.getElementById("source-name").textContent = `${source.kind_name}: ${source.title}`;
  document.getElementById("source").value = String(id);
  state.set({ fovs: null, fov: null, selection: new Set(), explanation: null, epoch: null, filters: {} });
  source.notes.forEach((note) => notify(note));
  try {
    const fovs = await json(`api/s/${id}/fovs`);
    if (state.get("source") !== id) return;
    const shown = fovs.rows.fov_id.findIndex((_, row) => !fovs.rows.problem?.[row]);
    state.set({ fovs, fov: shown < 0 ? null : shown });
  } catch (error) {
    complain(error);
  }
}

function showSources(session) {
  document.title = `${session.title} · locgraph`;
  const choice = document.getElementById("source");
  replace(choice, session.sources.map((source) => el("option", { value: source.id }, source.title)));
  choice.closest("label").hidden = session.sources.length < 2;
  choice.addEventListener("change", () => state.set({ source: Number(choice.value) }));
}

async function start() {
  startTheme();
  arrangePlaces();
  try {
    const session = await json("api/session");
    showSources(session);
    state.on(["source"], showSource);
    state.set({ session });
    await showSource();
  } catch (error) {
    complain(error);
  }
}

start();
window.locgraph = { state }; // for the console of the browser, and for tests
