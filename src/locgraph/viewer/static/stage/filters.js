/**
 * Which localisations are shown: ranges of numbers and chosen categories.
 *
 * Three ranges are compared by the graphics card (deck.gl's DataFilterExtension), so that a handle moves without any
 * new values. Categories, and ranges beyond the third, are compared here and travel as a fourth number, 0 or 1.
 */

const ON_CARD = 3;
const ANY = [-1e30, 1e30];

/**
 * Return the filters of a scene.
 *
 * @param {Scene} scene
 * @param {Object<string, number[]>} filters column -> [low, high], both included, null where open; or the values of a
 *   categorical column that are shown. A missing number lies in no range.
 * @returns {object} {active, columns, key, ranges, pack(entry), passes(entry, row), count(entry)}: ranges for the card;
 *   pack makes its numbers, anew where key changes.
 */
export function makeFilters(scene, filters) {
  const known = Object.entries(filters).filter(([name]) => scene.columns.has(name));
  const ranges = known.filter(([name]) => !scene.isCategorical(name)).map(([name, ends]) => [name, closed(ends)]);
  const chosen = known.filter(([name]) => scene.isCategorical(name)).map(([name, values]) => [name, codesOf(scene, name, values)]);
  const [card, rest] = [ranges.slice(0, ON_CARD), ranges.slice(ON_CARD)];
  return {
    active: known.length > 0,
    columns: known.map(([name]) => name),
    // what the numbers on the card depend on: not the ranges that it compares itself
    key: JSON.stringify([card.map(([name]) => name), rest, chosen.map(([name, codes]) => [name, [...codes]])]),
    ranges: [...Array.from({ length: ON_CARD }, (_, place) => card[place]?.[1] ?? ANY), [0.5, 1.5]],
    pack: (entry) => pack(entry, card, rest, chosen),
    passes: (entry, row) => inRanges(entry, ranges, row) && inChosen(entry, chosen, row),
    count: (entry) => passing(entry, ranges, chosen).reduce((sum, one) => sum + one, 0),
  };
}

function closed([low, high]) {
  return [low ?? ANY[0], high ?? ANY[1]];
}

/** The codes that travel for values of a category. */
function codesOf(scene, name, values) {
  const first = scene.columns.get(name).first ?? 0;
  return new Set(values.map((value) => value - first));
}

/** (N, 4) float32 for the card: up to three columns, and whether all else passes. */
function pack(entry, card, rest, chosen) {
  const packed = new Float32Array(4 * entry.rows);
  card.forEach(([name], place) => {
    const values = entry.columns.get(name);
    for (let row = 0; row < entry.rows; row += 1) packed[4 * row + place] = values[row];
  });
  // a card may let a missing number through
  const numbers = card.map(([name]) => [name, [-Infinity, Infinity]]);
  const others = passing(entry, [...numbers, ...rest], chosen);
  for (let row = 0; row < entry.rows; row += 1) packed[4 * row + ON_CARD] = others[row];
  return packed;
}

/** (N,) whether localisations lie in all ranges and chosen categories, column by column. */
function passing(entry, ranges, chosen) {
  const mask = new Uint8Array(entry.rows).fill(1);
  for (const [name, [low, high]] of ranges) {
    const values = entry.columns.get(name);
    for (let row = 0; row < mask.length; row += 1) if (!(values[row] >= low && values[row] <= high)) mask[row] = 0;
  }
  for (const [name, codes] of chosen) {
    const values = entry.columns.get(name);
    for (let row = 0; row < mask.length; row += 1) if (mask[row] && !codes.has(values[row])) mask[row] = 0;
  }
  return mask;
}

function inRanges(entry, ranges, row) {
  return ranges.every(([name, [low, high]]) => {
    const value = entry.columns.get(name)[row];
    return value >= low && value <= high;
  });
}

function inChosen(entry, chosen, row) {
  return chosen.every(([name, codes]) => codes.has(entry.columns.get(name)[row]));
}
