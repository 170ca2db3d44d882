/** Which FOVs the list shows, and in which order: set by the list, the confusion matrix and the scores. */

import { state } from "../state.js";
import { visibleRows } from "./rows.js";

const EMPTY = { search: "", filters: {}, sort: { column: null, descending: false }, selectedOnly: false };

let now = { ...EMPTY };
const followers = new Set();

/** {search, filters: column -> values or {low, high}, sort: {column, descending}, selectedOnly}. */
export function listing() {
  return now;
}

/** Change some of it; who follows is called. */
export function setListing(changes) {
  now = { ...now, ...changes };
  followers.forEach((callback) => callback());
}

/** Set one filter, or take it away with null. */
export function setFilter(column, filter) {
  const { [column]: _, ...others } = now.filters;
  setListing({ filters: filter === null ? others : { ...others, [column]: filter } });
}

/** Call `callback()` after each change; returns a function that ends it. */
export function followListing(callback) {
  followers.add(callback);
  return () => followers.delete(callback);
}

/** The rows that the list shows, in its order. */
export function listedRows() {
  const fovs = state.get("fovs");
  if (!fovs) return [];
  return visibleRows(fovs, { ...now, only: now.selectedOnly ? state.get("selection") : null });
}

state.on(["source"], () => setListing(EMPTY));
