/** A grid of many rows, of which only those in view exist as elements. */

import { el, redraw } from "../dom.js";

const ROW_PX = 42;
const SPARE_ROWS = 6;

/**
 * A grid in the sense of ARIA: arrows move, Enter opens, Space selects.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {(row: number, column: object) => Node|string|null} options.cell Content of a cell.
 * @param {(column: object) => void} options.onSort A heading was clicked.
 * @param {(row: number) => void} options.onOpen
 * @param {(row: number, how: "one"|"toggle"|"range", anchor: number[]) => void} options.onSelect
 * @param {(key: string, row: number) => void} options.onKey Any other key.
 * @param {(row: number) => {selected: boolean, opened: boolean, dimmed: boolean, label: string}} options.about
 */
export class Grid {
  constructor(options) {
    Object.assign(this, options);
    this.rows = [];
    this.columns = [];
    this.active = -1; // place among rows
    this.anchor = -1;
    this.shown = new Map();
    this.head = el("div", { class: "grid-head", role: "row" });
    this.body = el("div", { class: "grid-body", role: "rowgroup" });
    this.element = el(
      "div",
      { class: "grid", role: "grid", tabindex: "0", "aria-label": this.label, "aria-multiselectable": "true" },
      this.head,
      this.body,
    );
    this.element.addEventListener("scroll", () => this.fill(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.observer = new ResizeObserver(() => this.fill());
    this.observer.observe(this.element);
  }

  remove() {
    this.observer.disconnect();
    this.element.remove();
  }

  /**
   * Show rows and columns.
   * @param {number[]} rows
   * @param {{name: string, title: string, width: number, hint: string, number: boolean, sortable: boolean}[]} columns
   * @param {{column: ?string, descending: boolean}} sort
   */
  show(rows, columns, sort) {
    const row = this.rows[this.active];
    Object.assign(this, { rows, columns });
    this.active = rows.indexOf(row);
    this.anchor = this.active;
    this.element.setAttribute("aria-rowcount", String(rows.length + 1));
    this.element.setAttribute("aria-colcount", String(columns.length));
    this.element.style.setProperty("--columns", columns.map((each) => `${each.width}px`).join(" "));
    this.body.style.height = `${rows.length * ROW_PX}px`;
    redraw(this.head, columns.map((each, index) => this.heading(each, index, sort)));
    this.refresh();
  }

  heading(column, index, sort) {
    const sorted = sort.column === column.name;
    const order = sorted ? (sort.descending ? "descending" : "ascending") : column.sortable ? "none" : null;
    const attributes = { role: "columnheader", "aria-colindex": index + 1, "aria-sort": order, title: column.hint };
    if (!column.sortable) return el("div", { ...attributes, class: "head-cell" }, column.title);
    const arrow = sorted ? (sort.descending ? " ↓" : " ↑") : "";
    const press = el("button", { type: "button", onclick: () => this.onSort(column) }, column.title, arrow);
    return el("div", { ...attributes, class: column.number ? "head-cell number" : "head-cell" }, press);
  }

  /** Draw all rows in view anew. */
  refresh() {
    this.shown.forEach((element) => element.remove());
    this.shown.clear();
    this.fill();
  }

  /** Draw marks of rows in view anew: selection, what is open, where the cursor is. */
  mark() {
    this.shown.forEach((element, place) => this.markRow(element, place));
    const active = this.shown.get(this.active);
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  fill() {
    const top = this.element.scrollTop;
    const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS);
    const end = Math.min(this.rows.length, Math.ceil((top + this.element.clientHeight) / ROW_PX) + SPARE_ROWS);
    this.shown.forEach((element, place) => {
      if (place >= first && place < end) return;
      element.remove();
      this.shown.delete(place);
    });
    for (let place = first; place < end; place += 1) {
      if (this.shown.has(place)) continue;
      const element = this.line(place);
      this.shown.set(place, element);
      this.body.append(element);
    }
    this.mark();
  }

  line(place) {
    const row = this.rows[place];
    const cells = this.columns.map((column, index) =>
      el(
        "div",
        { role: "gridcell", "aria-colindex": index + 1, class: column.number ? "cell number" : "cell" },
        this.cell(row, column),
      ),
    );
    const attributes = { class: "grid-row", role: "row", id: `fov-row-${row}`, "aria-rowindex": place + 2 };
    return el("div", { ...attributes, dataset: { place }, style: { top: `${place * ROW_PX}px` } }, cells);
  }

  markRow(element, place) {
    const about = this.about(this.rows[place]);
    element.setAttribute("aria-selected", String(about.selected));
    element.classList.toggle("opened", about.opened);
    element.classList.toggle("dimmed", about.dimmed);
    element.classList.toggle("active", place === this.active);
    if (about.opened) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }

  /** Move the cursor to a place among the rows, and into view. */
  moveTo(place, { scroll = true } = {}) {
    if (this.rows.length === 0) return;
    this.active = Math.min(Math.max(place, 0), this.rows.length - 1);
    const top = this.active * ROW_PX;
    const height = this.element.clientHeight - this.head.offsetHeight;
    if (scroll && top < this.element.scrollTop) this.element.scrollTop = top;
    else if (scroll && top + ROW_PX > this.element.scrollTop + height) this.element.scrollTop = top + ROW_PX - height;
    this.fill();
  }

  /** Bring a row into view, if it is listed. */
  reveal(row) {
    const place = this.rows.indexOf(row);
    if (place >= 0) this.moveTo(place);
  }

  click(event) {
    const line = event.target.closest(".grid-row");
    if (!line) return;
    const place = Number(line.dataset.place);
    const row = this.rows[place];
    const from = this.anchor < 0 ? place : this.anchor;
    this.moveTo(place, { scroll: false });
    const action = event.target.closest("[data-action]")?.dataset.action;
    if (action) this.onKey(action, row);
    else if (event.shiftKey) this.onSelect(row, "range", this.between(from, place));
    else if (event.ctrlKey || event.metaKey) this.onSelect(row, "toggle");
    else this.onOpen(row);
    if (!event.shiftKey) this.anchor = place;
  }

  between(from, to) {
    return this.rows.slice(Math.min(from, to), Math.max(from, to) + 1);
  }

  key(event) {
    if (event.target.closest("button, input")) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_PX) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const row = this.rows[this.active];
    if (event.key in steps) {
      const before = this.active;
      this.moveTo(before < 0 ? 0 : before + steps[event.key]);
      if (event.shiftKey && before >= 0) this.onSelect(this.rows[this.active], "range", this.between(before, this.active));
    } else if (event.key === "Enter" && row !== undefined) this.onOpen(row);
    else if (event.key === " " && row !== undefined) this.onSelect(row, "toggle");
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.onSelect(row, "range", this.rows);
    else if (!event.ctrlKey && !event.metaKey && this.onKey(event.key, row)) return event.preventDefault();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
