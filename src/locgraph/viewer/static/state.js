/** What the page shows: one set of values that all panels read, change and follow. */

class State {
  #values;
  #listeners = new Set();

  constructor(values) {
    this.#values = values;
  }

  /** The value of a key. */
  get(key) {
    if (!(key in this.#values)) throw new Error(`no such key of the state: ${key}`);
    return this.#values[key];
  }

  /** Change values; who follows one of them is called once. Equal values change nothing. */
  set(changes) {
    const changed = Object.keys(changes).filter((key) => !Object.is(this.get(key), changes[key]));
    Object.assign(this.#values, changes);
    for (const { keys, callback } of [...this.#listeners]) {
      if (changed.some((key) => keys.has(key))) callback(changed);
    }
  }

  /** Follow keys: `callback(changed keys)` after each change. Returns a function that ends it. */
  on(keys, callback) {
    keys.forEach((key) => this.get(key));
    const listener = { keys: new Set(keys), callback };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const state = new State({
  /** Answer of api/session. */
  session: null,
  /** Number of the source that is shown. */
  source: 0,
  /** Its table of FOVs, as api/s/{s}/fovs answers; null while it is loaded. */
  fovs: null,
  /** Row of the FOV that is shown; null for none. */
  fov: null,
  /** The FOV beside it, {source, fov}; null for none. */
  second: null,
  /** Rows of FOVs that are selected. Set a new Set to change it. */
  selection: new Set(),
  /** Column that colours localisations, with its palette and range; null is chosen by the stage. */
  colour: { by: null, palette: null, range: null },
  /** Column -> [low, high], or the values that are shown of a categorical one. */
  filters: {},
  /** What is drawn. */
  layers: { localisations: true, clusters: true, hulls: false, edges: new Set() },
  /** Size of a localisation {unit: "auto"|"pixels"|"nm"|"precision", value}, and its opacity. */
  points: { unit: "auto", value: 2, opacity: 0.85 },
  /** Explanation that is shown, {k, threshold}; null for none. */
  explanation: null,
  /** Epoch of a run that is followed; null for the end of the run. */
  epoch: null,
  /** What the pointer does on the stage: pan, measure, lasso, polygon, brush, point or pick. */
  tool: "pan",
});

/** The description of a source, by default of the one that is shown. */
export function sourceOf(id = state.get("source")) {
  return state.get("session")?.sources[id] ?? null;
}

/** Whether the source that is shown offers something. */
export function offers(what, id = state.get("source")) {
  return sourceOf(id)?.offers.includes(what) ?? false;
}
