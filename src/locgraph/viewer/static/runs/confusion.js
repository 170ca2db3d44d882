/** Confusion matrix of the test FOVs: a click on a cell lists and selects its FOVs. */

import { json } from "../api.js";
import { el, replace, short } from "../dom.js";
import { openPanel, registerPanel } from "../panels.js";
import { offers, state } from "../state.js";
import { classChip } from "./cells.js";
import { followListing, listing, setListing } from "./listing.js";
import { selectRows } from "./list.js";
import { visibleRows } from "./rows.js";

const OF_CELL = ["label", "prediction", "split", "fold"];

function mount(element) {
  let data = null;
  let gone = false;
  const fold = el("select", { "aria-label": "Fold", hidden: true, onchange: draw });
  const place = el("div", { class: "confusion-place" });
  const note = el("p", { class: "note" }, "Reading …");
  replace(element, el("div", { class: "confusion" }, el("div", { class: "confusion-side" }, fold, note), place));

  function counts() {
    return fold.value === "all" ? data.counts : data.folds[Number(fold.value)].counts;
  }

  function draw() {
    if (!data) return;
    const names = state.get("fovs")?.classes ?? data.classes;
    const matrix = counts();
    const head = el("tr", {}, el("th", { class: "corner", scope: "col" }, "true \\ predicted"), data.classes.map((name) => el("th", { scope: "col" }, classChip(name, names))), el("th", { scope: "col", class: "number", title: "part of the FOVs of this class that are predicted as it" }, "recall"));
    const rows = data.classes.map((truth, row) => {
      const total = matrix[row].reduce((sum, value) => sum + value, 0);
      const cells = matrix[row].map((value, column) => el("td", {}, cellButton(truth, data.classes[column], value, total, row, column)));
      return el("tr", {}, el("th", { scope: "row" }, classChip(truth, names)), cells, el("td", { class: "number margin" }, part(matrix[row][row], total)));
    });
    const precision = data.classes.map((_, column) => {
      const total = matrix.reduce((sum, each) => sum + each[column], 0);
      return el("td", { class: "number margin" }, part(matrix[column][column], total));
    });
    const foot = el("tr", {}, el("th", { scope: "row", title: "part of the FOVs predicted as this class that are of it" }, "precision"), precision, el("td", {}));
    const table = el("table", { class: "confusion-table", "aria-label": `Confusion matrix, numbers of ${data.of}` }, el("thead", {}, head), el("tbody", {}, rows, foot));
    table.addEventListener("keydown", move);
    replace(place, table);
    showNote(matrix);
    mark();
  }

  function showNote(matrix) {
    const total = matrix.flat().reduce((sum, value) => sum + value, 0);
    const right = matrix.reduce((sum, each, index) => sum + each[index], 0);
    const hint = data.of === "FOVs" ? "A cell lists its FOVs; again, and all are listed." : "Localisations are counted: there is no FOV to list.";
    const unlabelled = data.unlabelled ? ` ${short(data.unlabelled)} test FOVs have no class and are not counted.` : "";
    note.textContent = `${short(right)} of ${short(total)} test ${data.of} are correct. ${hint}${unlabelled}`;
  }

  function cellButton(truth, predicted, value, total, row, column) {
    const right = row === column;
    const share = total ? value / total : 0;
    const level = value ? Math.round((right ? 8 : 26) + (right ? 68 : 50) * share) : 0;
    const words = `${truth} predicted as ${predicted}: ${value} ${data.of}`;
    const attributes = { type: "button", class: right ? "cm-cell right" : "cm-cell wrong", "aria-label": words, title: words, "aria-pressed": "false", dataset: { row, column }, style: { "--level": `${level}%` } };
    if (right && level > 55) attributes.class += " strong";
    const cell = el("button", { ...attributes, onclick: () => choose(truth, predicted, cell) }, value ? short(value) : "·");
    cell.tabIndex = row === 0 && column === 0 ? 0 : -1;
    cell.disabled = data.of !== "FOVs";
    return cell;
  }

  function filtersOf(truth, predicted) {
    const filters = { label: [truth], prediction: [predicted], split: ["test"] };
    return fold.value === "all" ? filters : { ...filters, fold: [data.folds[Number(fold.value)].fold] };
  }

  function choose(truth, predicted, cell) {
    const others = Object.fromEntries(Object.entries(listing().filters).filter(([name]) => !OF_CELL.includes(name)));
    if (cell.getAttribute("aria-pressed") === "true") {
      setListing({ filters: others });
      selectRows([]);
      return;
    }
    const filters = filtersOf(truth, predicted);
    setListing({ filters: { ...others, ...filters }, search: "", selectedOnly: false });
    selectRows(visibleRows(state.get("fovs"), { search: "", filters, sort: { column: null }, only: null }));
    openPanel("fovs");
  }

  /** Show which cell the list is narrowed to. */
  function mark() {
    const { label, prediction, split } = listing().filters;
    place.querySelectorAll(".cm-cell").forEach((cell) => {
      const [truth, predicted] = [data.classes[cell.dataset.row], data.classes[cell.dataset.column]];
      const pressed = split?.[0] === "test" && label?.length === 1 && label[0] === truth && prediction?.length === 1 && prediction[0] === predicted;
      cell.setAttribute("aria-pressed", String(pressed));
    });
  }

  function move(event) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const cell = event.target.closest(".cm-cell");
    if (!step || !cell) return;
    const next = place.querySelector(`.cm-cell[data-row="${Number(cell.dataset.row) + step[0]}"][data-column="${Number(cell.dataset.column) + step[1]}"]`);
    if (!next) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }

  json(`api/s/${state.get("source")}/confusion`)
    .then((answer) => {
      if (gone) return;
      data = answer;
      const folds = data.folds.map((each, index) => el("option", { value: index }, `fold ${each.fold}`));
      replace(fold, el("option", { value: "all" }, "all folds"), folds);
      fold.hidden = data.folds.length < 2;
      draw();
    })
    .catch((error) => (note.textContent = error.message));
  const offs = [followListing(() => data && mark()), state.on(["fovs"], draw)];
  return () => {
    gone = true;
    offs.forEach((off) => off());
  };
}

function part(value, total) {
  return total ? (value / total).toFixed(2) : "–";
}

registerPanel({ id: "confusion", title: "Confusion", place: "bottom", order: 30, when: () => offers("confusion"), mount });
