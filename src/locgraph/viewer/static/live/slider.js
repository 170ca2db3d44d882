/** A slider through the epochs whose predictions are there, which can play. */

import { button, el } from "../dom.js";
import { state } from "../state.js";
import { readEpoch } from "./epoch.js";
import { run } from "./feed.js";
import { showEpoch } from "./follow.js";

const STEP_MS = 450;

export class EpochSlider {
  #playing = null;

  constructor() {
    this.play = button("▶", () => this.#toggle(), { "aria-label": "Play the epochs", title: "Play the epochs" });
    this.range = el("input", { type: "range", min: 0, step: 1, "aria-label": "Epoch", oninput: () => this.#go(Number(this.range.value)) });
    this.text = el("output", { class: "number live-epoch" });
    this.end = button("Final", () => this.#finish(), { title: "What the finished run predicts, its test FOVs too", "aria-pressed": "false" });
    this.element = el("div", { class: "live-slider" }, this.play, this.range, this.text, this.end);
  }

  /** Show where the state is. */
  show() {
    const tables = run()?.tables ?? [];
    const epoch = state.get("epoch");
    const place = tables.indexOf(epoch);
    this.range.max = String(Math.max(tables.length - 1, 0));
    this.range.value = String(place < 0 ? tables.length - 1 : place);
    const words = epoch === null ? "final" : `epoch ${epoch}`;
    this.range.setAttribute("aria-valuetext", words);
    this.text.textContent = words;
    this.end.hidden = run()?.state !== "completed";
    this.end.setAttribute("aria-pressed", String(epoch === null));
    if (tables.length < 2) this.#stop();
    this.play.disabled = tables.length < 2;
  }

  remove() {
    this.#stop();
  }

  #go(place) {
    this.#stop();
    showEpoch(run().tables[place]);
  }

  #finish() {
    this.#stop();
    showEpoch(null);
  }

  #toggle() {
    if (this.#playing) this.#stop();
    else this.#start();
  }

  async #start() {
    const token = {};
    this.#playing = token;
    this.#label("❚❚", "Pause");
    const first = run().tables.indexOf(state.get("epoch"));
    let place = first < 0 || first === run().tables.length - 1 ? 0 : first + 1;
    while (this.#playing === token && place < run().tables.length) {
      const epoch = run().tables[place];
      const pause = new Promise((done) => setTimeout(done, STEP_MS));
      // an epoch that is gone meanwhile is skipped
      const there = await readEpoch(epoch).then(() => true, () => false);
      if (this.#playing !== token) return;
      if (there) showEpoch(epoch);
      await pause;
      place += 1;
    }
    if (this.#playing === token) this.#stop();
  }

  #stop() {
    this.#playing = null;
    this.#label("▶", "Play the epochs");
  }

  #label(sign, words) {
    this.play.textContent = sign;
    this.play.title = words;
    this.play.setAttribute("aria-label", words);
  }
}
