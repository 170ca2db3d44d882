/** Panels of FOVs, runs and sweeps. */

import "./list.js";
import "./map.js";
import "./confusion.js";
import "./metrics.js";
import "./explanations.js";
import "./beside.js";
import "./under.js";
