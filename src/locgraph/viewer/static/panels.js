/** Panels: each part registers its own; those of one place are tabs, and a panel lives only while it is shown. */

import { button, el } from "./dom.js";
import { state, sourceOf } from "./state.js";

const registered = [];
const shown = new Map();

/**
 * Register a panel.
 * @param {object} panel
 * @param {string} panel.id
 * @param {string} panel.title
 * @param {"left"|"right"|"bottom"} panel.place
 * @param {number} [panel.order] Tabs are sorted by it.
 * @param {(source: object) => boolean} [panel.when] Whether it makes sense for a source; always by default.
 * @param {(element: HTMLElement) => (() => void)|void} panel.mount Fills the element; returns what ends it.
 */
export function registerPanel(panel) {
  registered.push({ order: 50, when: () => true, ...panel });
}

/** Show the panels of the source, keeping those that are open. */
function showPanels() {
  for (const place of ["left", "bottom", "right"]) {
    const panels = registered
      .filter((panel) => panel.place === place && panel.when(sourceOf()))
      .sort((one, other) => one.order - other.order);
    showPlace(document.getElementById(place), place, panels);
    document.querySelector("main").toggleAttribute(`data-no-${place}`, panels.length === 0);
    if (panels.length === 0) setPlace(place, false);
    document.getElementById(`toggle-${place}`).hidden = panels.length === 0;
  }
}

function showPlace(element, place, panels) {
  const before = shown.get(place);
  before?.unmount?.();
  shown.delete(place);
  element.replaceChildren();
  if (panels.length === 0) return;
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": element.getAttribute("aria-label") });
  if (panels.length === 1) tabs.dataset.single = "";
  const body = el("div", { class: "panel", role: "tabpanel", tabindex: "0" });
  const buttons = panels.map((panel) =>
    button(panel.title, () => open(panel), { role: "tab", id: `tab-${panel.id}`, "aria-selected": "false", tabindex: "-1" }),
  );
  tabs.append(...buttons);
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (panels.findIndex((panel) => panel.id === shown.get(place).id) + step + panels.length) % panels.length;
    open(panels[next]);
    buttons[next].focus();
  });
  element.append(tabs, body);

  function open(panel) {
    shown.get(place)?.unmount?.();
    body.replaceChildren();
    body.id = `panel-${panel.id}`;
    body.setAttribute("aria-labelledby", `tab-${panel.id}`);
    buttons.forEach((each) => {
      const chosen = each.id === `tab-${panel.id}`;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
    });
    shown.set(place, { id: panel.id, open, unmount: panel.mount(body) });
  }

  open(panels.find((panel) => panel.id === before?.id) ?? panels[0]);
}

/** Bring a panel to the front, where its source has it. */
export function openPanel(id) {
  const panel = registered.find((each) => each.id === id);
  if (!panel?.when(sourceOf())) return;
  setPlace(panel.place, true);
  if (shown.get(panel.place)?.id !== id) shown.get(panel.place)?.open(panel);
}

/** Show or hide all panels of a place. */
export function setPlace(place, visible) {
  document.querySelector("main").dataset[place] = visible ? "on" : "off";
  document.getElementById(`toggle-${place}`).setAttribute("aria-pressed", String(visible));
  window.dispatchEvent(new Event("resize"));
}

/** Let the user hide places, and drag the lines between them. */
export function arrangePlaces() {
  const main = document.querySelector("main");
  for (const place of ["left", "bottom", "right"]) {
    document.getElementById(`toggle-${place}`).addEventListener("click", () => setPlace(place, main.dataset[place] === "off"));
    const split = document.getElementById(`split-${place}`);
    const size = () => document.getElementById(place).getBoundingClientRect()[place === "bottom" ? "height" : "width"];
    const report = () => split.setAttribute("aria-valuenow", String(Math.round(size())));
    report();
    const resize = (pixels) => {
      const most = (place === "bottom" ? main.clientHeight : main.clientWidth) * 0.7;
      main.style.setProperty(`--${place}`, `${Math.round(Math.min(Math.max(pixels, 140), most))}px`);
      report();
      window.dispatchEvent(new Event("resize"));
    };
    split.addEventListener("pointerdown", (event) => {
      split.setPointerCapture(event.pointerId);
      const [start, from] = [place === "bottom" ? event.clientY : event.clientX, size()];
      const sign = place === "left" ? 1 : -1;
      const move = (moved) => resize(from + sign * ((place === "bottom" ? moved.clientY : moved.clientX) - start));
      split.addEventListener("pointermove", move);
      split.addEventListener("lostpointercapture", () => split.removeEventListener("pointermove", move), { once: true });
    });
    split.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -16, ArrowUp: 16, ArrowRight: 16, ArrowDown: -16 }[event.key];
      if (!step) return;
      resize(size() + (place === "right" && event.key !== "ArrowUp" ? -step : step));
      event.preventDefault();
    });
  }
}

state.on(["session", "source"], showPanels);
