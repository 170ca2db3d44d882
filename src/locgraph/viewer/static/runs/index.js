/** Panels of FOVs, runs and sweeps. */

import { el } from "../dom.js";

import "./list.js";
import "./map.js";
import "./confusion.js";
import "./metrics.js";
import "./explanations.js";
import "./beside.js";
import "./under.js";

document.head.append(el("link", { rel: "stylesheet", href: new URL("runs.css", import.meta.url).href }));
