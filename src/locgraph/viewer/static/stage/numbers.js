/** Numbers as people read them: round steps, lengths in nm, um or mm, values with units. */

/**
 * Return the largest of 1, 2, 5 times a power of ten that is at most this long.
 *
 * @param {number} longest above 0.
 */
export function roundBelow(longest) {
  const power = 10 ** Math.floor(Math.log10(longest) + 1e-9);
  const factor = [5, 2, 1].find((one) => one * power <= longest * (1 + 1e-9)) ?? 1;
  return factor * power;
}

/** Return a length in nm as text: 250 nm, 1.5 µm, 2 mm. */
export function lengthText(nm, digits = 4) {
  const [scale, unit] = Math.abs(nm) >= 1e6 ? [1e6, "mm"] : Math.abs(nm) >= 1000 ? [1000, "µm"] : [1, "nm"];
  return `${numberText(nm / scale, digits)} ${unit}`;
}

/** Return a number with at most so many significant digits, thousands apart, and a true minus sign. */
export function numberText(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(digits - 1).replace("-", "−");
  const text = value.toLocaleString("en-US", { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(size + 1))) });
  return text.replaceAll(",", "\u202f").replace("-", "−");
}

/** Return a value with its unit. */
export function valueText(value, unit, digits = 4) {
  const shown = numberText(value, digits);
  return unit && shown !== "–" ? `${shown} ${unit}` : shown;
}

/** Return round numbers from low to high, at most `most` of them. */
export function ticks(low, high, most) {
  if (!(high > low) || most < 1) return [];
  const wanted = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= wanted * (1 - 1e-9)) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => (first + index) * step);
}
