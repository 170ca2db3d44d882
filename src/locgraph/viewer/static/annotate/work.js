/** What one annotator is doing: one set of values that all modules of annotation read, change and follow. */

const listeners = new Set();

/** @typedef {"fov"|"lasso"|"polygon"|"brush"|"point"|"cluster"} Mode What a class is said of. */

/** Modes whose shapes have a radius. */
export const ROUND = ["brush", "point"];

export const work = {
  /** Who annotates what: `annotate` of api/session. */
  about: null,
  /** Answer of api/annotations/progress. */
  progress: null,
  /** State of each FOV. */
  states: [],
  /** What was said of the FOV that is shown; null while it is loaded. */
  current: null,
  /** @type {Mode} */
  mode: "fov",
  /** Place of the class that is drawn with. */
  chosen: 0,
  /** Whether drawing takes classes away. */
  erasing: false,
  /** Radius of the brush and reach of a point in nm; null until a FOV is shown. */
  radius: null,
  /** Whether a class of a FOV leads to the next one. */
  advancing: true,
  /** Whether predictions are shown. */
  suggesting: false,
  /** Steps on their way: {state: "saved"|"saving"|"waiting", waiting: number, reason: string, since: Date}. */
  saving: { state: "saved", waiting: 0, reason: "", since: null },
};

/** Change values; who follows is called once. */
export function change(changes) {
  Object.assign(work, changes);
  for (const listener of [...listeners]) listener(Object.keys(changes));
}

/** Follow all changes: `callback(changed keys)`. Returns a function that ends it. */
export function follow(callback) {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

/** Name of the class that is drawn with; null takes classes away. */
export function drawnLabel() {
  return work.erasing ? null : work.about.classes[work.chosen];
}

/** Row of the first FOV after this one, in the order, of which nothing is said; null where none is left. */
export function nextToDo(fov) {
  const { sequence } = work.about;
  const start = sequence.indexOf(fov) + 1;
  const turned = [...sequence.slice(start), ...sequence.slice(0, start)];
  return turned.find((each) => each !== fov && work.states[each] === "to do") ?? null;
}

/** Row of the FOV some places further in the order; null beyond its ends. */
export function inOrder(fov, step) {
  return work.about.sequence[work.about.sequence.indexOf(fov) + step] ?? null;
}
