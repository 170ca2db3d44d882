/** The panel of annotation: progress, classes, suggestion, tools. */

import { button, el, replace } from "../dom.js";
import { state } from "../state.js";
import { probabilityBar } from "../runs/cells.js";
import { classColour as colourOf, css } from "../runs/colours.js";
import { onTheme } from "../theme.js";
import {
  accept,
  chooseClass,
  discard,
  fovName,
  onAnnounce,
  retry,
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
import { showHelp } from "./keys.js";
import { follow, ROUND, work } from "./work.js";

const TOOLS = [
  ["lasso", "Lasso", "L"],
  ["polygon", "Polygon", "Y"],
  ["brush", "Brush", "B"],
  ["point", "Point", "O"],
  ["cluster", "Cluster", "C"],
];
const PARTS = "repeating-linear-gradient(45deg, var(--soft) 0 2px, transparent 2px 5px)";

/** Colour of a class, as CSS writes it. */
function classColour(name) {
  return css(colourOf(name, work.about.classes));
}

/** Fill the panel; returns what ends it. */
export function mountPanel(element) {
  const parts = [headPart(), fovPart(), classPart(), suggestionPart(), toolPart(), footPart()];
  const spoken = el("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  replace(element, el("div", { class: "annotate" }, ...parts.map((part) => part.element), spoken));
  const show = () => parts.forEach((part) => part.show());
  const ends = [
    follow(show),
    state.on(["fov", "fovs", "source"], show),
    onTheme(show),
    onAnnounce((text) => {
      spoken.textContent = text;
    }),
  ];
  show();
  return () => ends.forEach((end) => end());
}

/** Who annotates, whether all is saved, and how far it is. */
function headPart() {
  const saved = el("span", { class: "annotate-saved", role: "status" });
  const bar = el("div", { class: "annotate-bar", role: "progressbar", "aria-label": "Fields of view done", "aria-valuemin": 0 });
  const text = el("p", { class: "note annotate-count" });
  const waiting = el("div", { class: "annotate-waiting", hidden: true });
  const element = el(
    "header",
    {},
    el("div", { class: "row annotate-who" }, el("strong", {}, work.about.annotator), saved),
    bar,
    text,
    waiting,
  );
  const show = () => {
    showSaving(saved, waiting);
    const { progress } = work;
    if (!progress) return;
    bar.setAttribute("aria-valuemax", progress.total);
    bar.setAttribute("aria-valuenow", progress.done);
    bar.setAttribute("aria-valuetext", `${progress.done} of ${progress.total}`);
    const share = (number) => `${(100 * number) / Math.max(progress.total, 1)}%`;
    const classes = work.about.classes.map((name) => [name, progress.by_class[name], classColour(name)]);
    const others = [["unsure", progress.unsure, "var(--soft)"], ["parts alone", progress.marked, PARTS]];
    replace(
      bar,
      ...[...classes, ...others]
        .filter(([, number]) => number > 0)
        .map(([name, number, colour]) =>
          el("span", { title: `${name}: ${number}`, style: { width: share(number), background: colour } }),
        ),
    );
    const parts = [`${progress.done} of ${progress.total} done`, progress.unsure && `${progress.unsure} unsure`, orderText()];
    text.textContent = parts.filter(Boolean).join(" · ");
  };
  return { element, show };
}

function orderText() {
  return { given: "", random: "random order" }[work.about.order] ?? `by ${work.about.order}`;
}

function showSaving(saved, waiting) {
  const { saving } = work;
  saved.dataset.state = saving.state;
  saved.textContent = { saved: "Saved", saving: "Saving …", waiting: `Not saved: ${saving.waiting}` }[saving.state];
  waiting.hidden = saving.state !== "waiting";
  if (waiting.hidden) return;
  replace(
    waiting,
    el("p", {}, `Kept in this browser until they can be saved. ${saving.reason}`),
    el("div", { class: "row" }, button("Try now", retry), button("Give up the first", discard, { class: "quiet" })),
  );
}

/** Which FOV is shown, and what was said of it. */
function fovPart() {
  const name = el("h2", {});
  const chip = el("span", { class: "chip" });
  const others = el("p", { class: "note annotate-others" });
  const element = el(
    "div",
    { class: "annotate-fov" },
    el(
      "div",
      { class: "row annotate-walk" },
      button("←", () => walk(-1), { class: "quiet", "aria-label": "Previous field of view", title: "Previous (,)" }),
      name,
      button("→", () => walk(1), { class: "quiet", "aria-label": "Next field of view", title: "Next (.)" }),
    ),
    chip,
    others,
  );
  const show = () => {
    others.textContent = othersText();
    name.textContent = fovName() ?? "No field of view";
    name.title = name.textContent;
    const label = work.current?.label ?? null;
    chip.style.setProperty("--chip", label === null ? "var(--soft)" : classColour(label));
    chip.textContent = label ?? { unsure: "unsure" }[work.current?.state] ?? "no class yet";
  };
  return { element, show };
}

/** What others said of the whole FOV, where they are shown: of each the last word. */
function othersText() {
  const last = new Map();
  for (const each of work.current?.others ?? []) if (each.target === "fov") last.set(each.annotator, each.label ?? "unsure");
  return [...last].map(([annotator, label]) => `${annotator}: ${label}`).join(" · ");
}

/** The classes, with their keys. */
function classPart() {
  const title = el("h3", {});
  const list = el("div", { class: "annotate-classes", role: "group", "aria-label": "Classes" });
  const buttons = work.about.classes.map((name, place) => {
    const count = el("span", { class: "number note" });
    const dot = el("span", { class: "annotate-dot" });
    const key = place < 9 ? el("kbd", {}, place + 1) : null;
    const one = el(
      "button",
      { type: "button", onclick: () => chooseClass(place, "click"), "aria-keyshortcuts": place < 9 ? place + 1 : null },
      key,
      dot,
      el("span", { class: "annotate-name", title: name }, name),
      count,
    );
    return { one, count, dot, name };
  });
  list.append(...buttons.map(({ one }) => one));
  const unsure = button("", () => stateClass(null, "click"), { "aria-keyshortcuts": "u" });
  unsure.append(el("kbd", {}, "U"), " Unsure");
  const skipping = button("", skip, { "aria-keyshortcuts": "s" });
  skipping.append(el("kbd", {}, "S"), " Skip");
  const advancing = el("input", { type: "checkbox", onchange: toggleAdvancing });
  const whole = el(
    "div",
    {},
    el("div", { class: "row annotate-pair" }, unsure, skipping),
    el("label", { class: "row note" }, advancing, "then go to the next one ", el("kbd", {}, "A")),
  );
  const element = el("section", {}, title, list, whole);
  const show = () => {
    const ofFov = work.mode === "fov";
    title.textContent = ofFov ? "Class of the whole field of view" : work.erasing ? "Erasing: no class" : "Class that is drawn";
    whole.hidden = !ofFov;
    advancing.checked = work.advancing;
    buttons.forEach(({ one, count, dot, name }, place) => {
      const chosen = ofFov ? work.current?.label === name : !work.erasing && work.chosen === place;
      one.setAttribute("aria-pressed", String(chosen));
      count.textContent = ofFov ? (work.progress?.by_class[name] ?? "") : "";
      dot.style.background = classColour(name);
    });
  };
  return { element, show };
}

/** What a model predicts, on demand. */
function suggestionPart() {
  const toggle = button("", toggleSuggestions, { class: "quiet", "aria-keyshortcuts": "g" });
  const shown = el("div", { class: "annotate-suggestion" });
  const element = el("section", { hidden: !work.about.suggestions }, toggle, shown);
  const show = () => {
    toggle.setAttribute("aria-pressed", String(work.suggesting));
    replace(toggle, el("kbd", {}, "G"), ` Suggestions ${work.suggesting ? "on" : "off"}`);
    const suggestion = work.current?.suggestion;
    shown.hidden = !work.suggesting;
    if (!work.suggesting) return;
    if (!suggestion) {
      replace(shown, el("p", { class: "note" }, "The model says nothing of this one."));
      return;
    }
    const rows = Object.entries(suggestion.probabilities)
      .filter(([, probability]) => probability !== null)
      .sort((one, other) => other[1] - one[1])
      .slice(0, 3)
      .map(([name, probability]) => probabilityBar(name, probability, work.about.classes));
    const text = suggestion.can_accept ? [el("kbd", {}, "Enter"), ` Accept ${suggestion.label}`] : [`${suggestion.label} is no class here`];
    const accepting = button("", accept, { disabled: !suggestion.can_accept });
    accepting.append(...text);
    replace(shown, ...rows, accepting);
  };
  return { element, show };
}

/** Tools for parts of a FOV. */
function toolPart() {
  const buttons = TOOLS.map(([mode, text, key]) => {
    const one = button("", () => setMode(mode), { "aria-keyshortcuts": key.toLowerCase() });
    one.append(el("kbd", {}, key), ` ${text}`);
    return { mode, one };
  });
  const eraser = button("", toggleEraser, { "aria-keyshortcuts": "e" });
  eraser.append(el("kbd", {}, "E"), " Erase");
  const radius = el("input", { type: "number", min: 0, step: "any", onchange: () => setRadius(Number(radius.value)) });
  const round = el("label", { class: "row note" }, "radius ", radius, " nm ", el("kbd", {}, "["), el("kbd", {}, "]"));
  const counted = el("p", { class: "note" });
  const grid = el("div", { class: "annotate-tools" }, ...buttons.map(({ one }) => one), eraser);
  const element = el("section", {}, el("h3", {}, "Parts of it"), grid, round, counted);
  const show = () => {
    buttons.forEach(({ mode, one }) => one.setAttribute("aria-pressed", String(work.mode === mode)));
    eraser.setAttribute("aria-pressed", String(work.erasing));
    round.hidden = !ROUND.includes(work.mode);
    if (document.activeElement !== radius) radius.value = work.radius === null ? "" : String(work.radius);
    const number = work.current?.statements.filter((each) => each.target !== "fov").length ?? 0;
    const others = work.current?.others?.filter((each) => each.target !== "fov").length ?? 0;
    counted.textContent = [number && `${number} marked here`, others && `${others} by others, drawn faintly`].filter(Boolean).join(" · ");
  };
  return { element, show };
}

/** Undo, redo, help. */
function footPart() {
  const back = button("Undo", () => undo(), { title: "Ctrl+Z" });
  const again = button("Redo", () => undo(true), { title: "Ctrl+Shift+Z" });
  const help = button("", showHelp, { class: "quiet" });
  help.append(el("kbd", {}, "?"), " Keys");
  const element = el("footer", { class: "row" }, back, again, help);
  const show = () => {
    back.disabled = !(work.current?.can_undo ?? false);
    again.disabled = !(work.current?.can_redo ?? false);
  };
  return { element, show };
}
