/** Light and dark: as the system has it, until the user chooses. */

const KEY = "locgraph-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = readChoice();

function readChoice() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** `light` or `dark`. */
export function theme() {
  return chosen ?? (system.matches ? "dark" : "light");
}

/** Call when the theme changes; returns a function that ends it. */
export function onTheme(callback) {
  const listener = () => callback(theme());
  window.addEventListener("themechange", listener);
  return () => window.removeEventListener("themechange", listener);
}

/** A colour of the theme, such as `--ink`, as CSS writes it. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function show() {
  document.documentElement.dataset.theme = theme();
  const toggle = document.getElementById("theme");
  toggle.textContent = theme() === "dark" ? "☀" : "☾";
  toggle.title = theme() === "dark" ? "Change to light" : "Change to dark";
  window.dispatchEvent(new Event("themechange"));
}

/** Set the theme and the button that changes it. */
export function startTheme() {
  document.getElementById("theme").addEventListener("click", () => {
    chosen = theme() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // storage is not allowed in some frames: the choice lasts as long as the page
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}
