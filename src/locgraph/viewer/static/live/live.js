/** Training as it goes on: panels of a run and of a sweep. What follows it works whichever panel is open. */

import { registerPanel } from "../panels.js";
import "./epoch.js";
import "./follow.js";
import { mountFolds } from "./folds.js";
import { mountTraining } from "./panel.js";

const live = (source) => source.offers.includes("live");

registerPanel({ id: "training", title: "Training", place: "bottom", order: 60, when: live, mount: mountTraining });
registerPanel({ id: "folds", title: "All folds", place: "bottom", order: 61, when: (source) => live(source) && source.kind === "sweep", mount: mountFolds });
