/** Keys of annotation, and the window that explains them. */

import { button, el } from "../dom.js";
import {
  accept,
  chooseClass,
  setMode,
  setRadius,
  skip,
  stateClass,
  toggleAdvancing,
  toggleEraser,
  toggleSuggestions,
  undo,
  walk,
} from "./actions.js";
import { work } from "./work.js";

const RADIUS_FACTOR = 1.25;

/** Key -> what it does; letters are those of the keyboard, whatever their case. */
const KEYS = {
  u: () => stateClass(null),
  s: () => skip(),
  a: () => toggleAdvancing(),
  g: () => toggleSuggestions(),
  l: () => setMode("lasso"),
  y: () => setMode("polygon"),
  b: () => setMode("brush"),
  o: () => setMode("point"),
  c: () => setMode("cluster"),
  e: () => toggleEraser(),
  w: () => work.mode !== "fov" && setMode("fov"),
  escape: () => work.mode !== "fov" && setMode("fov"),
  enter: () => accept(),
  arrowright: () => walk(1),
  arrowleft: () => walk(-1),
  ".": () => walk(1),
  ",": () => walk(-1),
  "[": () => setRadius(work.radius / RADIUS_FACTOR),
  "]": () => setRadius(work.radius * RADIUS_FACTOR),
  "?": () => showHelp(),
};

const HELP = [
  ["Whole field of view", [
    ["1–9", "Give it the class with this number, and go to the next one"],
    ["U", "Unsure: looked at, no class"],
    ["S", "Skip: leave it for later"],
    [", .", "The one before, and after, in the order; also ← → outside the picture"],
    ["A", "Go to the next one after a class, or stay"],
    ["G, Enter", "Show the model's suggestion; accept it"],
  ]],
  ["Parts of it", [
    ["L, Y, B, O, C", "Lasso, polygon, brush, point, cluster; the same key, W or Escape ends it"],
    ["1–9", "Draw with the class with this number"],
    ["E", "Erase: take classes away"],
    ["[ ]", "Radius of brush and point"],
    ["Arrows, Space", "While drawing: move the cross hair, set a place; Enter ends"],
  ]],
  ["Always", [
    ["Ctrl+Z", "Undo, also in another field of view"],
    ["Ctrl+Shift+Z, Ctrl+Y", "Do again"],
    ["?", "This help"],
  ]],
];

/** Listen to keys; returns a function that ends it. */
export function startKeys() {
  const listener = (event) => takeKey(event);
  window.addEventListener("keydown", listener);
  return () => window.removeEventListener("keydown", listener);
}

function takeKey(event) {
  if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]") || isTyped(event)) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    undo(key === "y" || event.shiftKey);
    return;
  }
  const digit = /^[1-9]$/.test(key) ? Number(key) : null;
  if (event.repeat && (digit || key.length > 1)) return;
  const action = digit ? () => chooseClass(digit - 1) : KEYS[key];
  if (!action || isForControl(event.target, key)) return;
  event.preventDefault();
  action();
}

/** Whether the key is typed into a field. */
function isTyped(event) {
  const field = event.target.closest?.("input, select, textarea, [contenteditable]");
  return field !== null && field !== undefined && !["checkbox", "radio", "button"].includes(field.type);
}

/** Whether the control that has the focus needs the key itself. */
function isForControl(target, key) {
  if (key === "enter") return Boolean(target.closest?.("button, a, summary, [role=option], [role=row], [role=grid], [role=listbox]"));
  if (key.startsWith("arrow")) {
    return Boolean(target.closest?.("[role=tablist], [role=separator], [role=slider], [role=listbox], [role=grid], table"));
  }
  return false;
}

/** Show what the keys do. */
export function showHelp() {
  const dialog = el("dialog", { class: "annotate-help", "aria-label": "Keys of annotation" });
  const close = button("Close", () => dialog.close(), { class: "primary" });
  dialog.append(
    el("h2", {}, "Keys of annotation"),
    el("div", { class: "annotate-help-parts" }, ...HELP.map(([title, lines]) => helpPart(title, lines))),
    el("p", { class: "note" }, `Each step is in the file as soon as it says Saved. ${blindness()}`),
    close,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => event.key === "?" && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

function helpPart(title, lines) {
  const rows = lines.flatMap(([keys, text]) => [
    el("dt", {}, ...keys.split(keys === ", ." ? " " : ", ").map((key) => el("kbd", {}, key))),
    el("dd", {}, text),
  ]);
  return el("section", {}, el("h3", {}, title), el("dl", {}, ...rows));
}

function blindness() {
  return work.about.blind ? "Nobody sees what others say." : "What others said is drawn faintly.";
}
