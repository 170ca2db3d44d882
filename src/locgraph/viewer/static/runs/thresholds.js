/** Which scores of an explanation are shown: all, the largest, or those above a value. Pure functions. */

export const MODES = { all: "all", top: "the largest", above: "above" };

/** Largest absolute value; 1 where all are 0, so that one can divide by it. */
export function largestOf(scores) {
  const largest = scores.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  return largest || 1;
}

/**
 * Which scores pass.
 * @param {number[]} scores
 * @param {{mode: "all"|"top"|"above", value: number}} threshold top: how many, by absolute value; above: |score| of at
 *   least this part of the largest, with the sign for the class where scores have signs.
 * @param {boolean} signed
 * @returns {boolean[]}
 */
export function passing(scores, { mode, value }, signed) {
  if (mode === "all") return scores.map(() => true);
  if (mode === "above") {
    const least = value * largestOf(scores);
    return scores.map((score) => (signed ? score : Math.abs(score)) >= least && score !== 0);
  }
  const order = [...scores.keys()].sort((one, other) => Math.abs(scores[other]) - Math.abs(scores[one]) || one - other);
  const kept = new Set(order.slice(0, value));
  return scores.map((_, index) => kept.has(index));
}
