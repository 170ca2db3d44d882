/** The table of FOVs as rows: which are shown, in which order. Pure functions, apart from the page. */

const PROBABILITY = "p_";

/** How many FOVs a table holds. */
export function rowCount(fovs) {
  return fovs?.rows.fov_id.length ?? 0;
}

/** Values of a column; null where there is none. */
export function column(fovs, name) {
  return fovs?.rows[name] ?? null;
}

/** One value; null where there is none. */
export function cell(fovs, name, row) {
  return fovs?.rows[name]?.[row] ?? null;
}

/** The classes, in the order in which they have colours: those that are predicted, then others that FOVs have. */
export function classesOf(fovs) {
  if (!fovs) return [];
  const predicted = fovs.columns.map((each) => each.name).filter((name) => name.startsWith(PROBABILITY));
  const labels = [...new Set(column(fovs, "label") ?? [])].filter((label) => label !== null).sort();
  return [...new Set([...(fovs.classes ?? []), ...predicted.map((name) => name.slice(PROBABILITY.length)), ...labels])];
}

/** [class, probability] of a FOV, the most likely first; empty where nothing is predicted. */
export function probabilities(fovs, row) {
  return classesOf(fovs)
    .map((name) => [name, cell(fovs, PROBABILITY + name, row)])
    .filter(([, value]) => value !== null)
    .sort((one, other) => other[1] - one[1]);
}

/** Whether a row passes one filter: a list of values of which it has one, or {low, high} with null for open ends. */
function passes(value, filter) {
  if (Array.isArray(filter)) return filter.includes(value);
  if (value === null) return false;
  return (filter.low === null || value >= filter.low) && (filter.high === null || value <= filter.high);
}

/**
 * The rows that are shown, in their order.
 * @param {object} fovs Table as api/s/{s}/fovs answers.
 * @param {{search: string, filters: object, sort: {column: ?string, descending: boolean}, only: ?Set<number>}} listing
 *   search: words that all have to be in a text column; filters: column -> see `passes`; only: rows to choose from.
 * @returns {number[]}
 */
export function visibleRows(fovs, { search, filters, sort, only }) {
  const texts = fovs.columns.filter((each) => each.type === "text").map((each) => fovs.rows[each.name]);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = Object.entries(filters).map(([name, filter]) => [fovs.rows[name] ?? [], filter]);
  const rows = [];
  for (let row = 0; row < rowCount(fovs); row += 1) {
    if (only && !only.has(row)) continue;
    if (!chosen.every(([values, filter]) => passes(values[row] ?? null, filter))) continue;
    if (words.every((word) => texts.some((values) => values[row]?.toLowerCase().includes(word)))) rows.push(row);
  }
  return sort.column && fovs.rows[sort.column] ? sorted(rows, fovs.rows[sort.column], sort.descending) : rows;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Rows by the values of a column; those without a value come last either way. */
function sorted(rows, values, descending) {
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [values[one] ?? null, values[other] ?? null];
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    const order = typeof a === "string" ? collator.compare(a, b) : a - b;
    return sign * order || one - other;
  });
}

/** Distinct values of a text or flag column with their counts, the most frequent first. */
export function valueCounts(values) {
  const counts = new Map();
  for (const value of values) counts.set(value ?? null, (counts.get(value ?? null) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

/** Smallest and largest number of a column; null where there is none. */
export function extentOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}
