/** Elements made by hand: what comes from data is text and is never read as HTML. */

/**
 * Make an element.
 * @param {string} tag
 * @param {object} attributes `on...` are listeners, `class`, `style` (an object), `dataset`; false and null are left out.
 * @param {...(Node|string|number|null)} children
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Remove all children, and append others. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Draw anew what holds controls: the focus stays at the control in the same place. */
export function redraw(element, ...children) {
  const controls = () => [...element.querySelectorAll("button, input, select")];
  const place = controls().indexOf(document.activeElement);
  replace(element, ...children);
  if (place >= 0) controls()[place]?.focus({ preventScroll: true });
  return element;
}

/** A button. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A number with three significant digits and narrow spaces between thousands. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f").replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace(/^-/, "−");
}
