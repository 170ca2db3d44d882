/** Points that move from where they were to where they are, so that an eye can follow them from epoch to epoch. */

const MOVE_MS = 300;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Move points; those that were not there before appear where they are.
 * @param {object} before {fov, x, y} that are shown; null for none.
 * @param {object} after {fov, x, y}
 * @param {(x: number[], y: number[]) => void} place Shows the points of `after` at coordinates; the last time at theirs.
 * @param {() => void} arrived Called once they are there.
 * @returns {() => void} Ends the movement where it is.
 */
export function movePoints(before, after, place, arrived) {
  const from = new Map((before?.fov ?? []).map((fov, index) => [fov, index]));
  const start = after.fov.map((fov, index) => {
    const was = from.get(fov);
    return was === undefined ? [after.x[index], after.y[index]] : [before.x[was], before.y[was]];
  });
  if (still.matches || from.size === 0) {
    place(after.x, after.y);
    arrived();
    return () => {};
  }
  const began = performance.now();
  let frame = null;
  const step = (now) => {
    const part = Math.min(Math.max((now - began) / MOVE_MS, 0), 1);
    const eased = part * part * (3 - 2 * part);
    const at = (axis, end) => end.map((value, index) => start[index][axis] + eased * (value - start[index][axis]));
    if (part < 1) {
      place(at(0, after.x), at(1, after.y));
      frame = requestAnimationFrame(step);
    } else {
      place(after.x, after.y);
      arrived();
    }
  };
  step(began);
  return () => cancelAnimationFrame(frame);
}
