/** Pointer and keys on a stage: tooltip, click, measuring, moving by keys. */

import { moved } from "./camera.js";
import { isDrawing } from "./drawing.js";
import { plainPick } from "./reading.js";
import { POSITION } from "./scene.js";

const REST_MS = 60;
const CLICK_PX = 4;
const PAN = 0.12;
const ZOOM = 0.5;
const TURN = 10;

export class Pointer {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.tool = "pan";
    this.down = null;
    this.byKeys = false;
    this.listening = new AbortController();
    const { element, canvas } = stage;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "Field of view");
    const on = (type, handler) => element.addEventListener(type, handler, { signal: this.listening.signal });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointerleave", () => this.rest(null));
    on("wheel", () => this.rest(null));
    on("keydown", (event) => this.key(event));
    on("focusout", () => this.useKeys(false));
  }

  /** What a click does: "measure", or picking with any other tool. */
  setTool(tool) {
    this.tool = tool;
    if (tool !== "measure") this.stage.overlay.cancelMeasure();
    this.stage.element.dataset.tool = tool;
  }

  isOnCanvas(event) {
    return event.target === this.stage.canvas;
  }

  at(event) {
    const box = this.stage.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** Whether keys are used: a cross then marks the middle, which Space picks or measures from. */
  useKeys(used) {
    if (used !== this.byKeys) this.stage.schedule();
    this.byKeys = used;
  }

  press(event) {
    this.useKeys(false);
    this.down = this.isOnCanvas(event) && event.button === 0 ? this.at(event) : null;
    this.rest(null);
  }

  move(event) {
    const at = this.at(event);
    const { overlay } = this.stage;
    if (this.tool === "measure" && overlay.start) {
      overlay.end = this.place(at);
      this.stage.schedule();
    }
    const free = !overlay.start && event.buttons === 0;
    this.rest(free && this.isOnCanvas(event) && !isDrawing(this.stage.element) ? at : null);
  }

  /** Look at what lies under a pointer that does not move. */
  rest(at) {
    clearTimeout(this.resting);
    if (at === null) return this.stage.overlay.hideTip();
    this.resting = setTimeout(() => this.look(at), REST_MS);
    return undefined;
  }

  look(at) {
    const { stage } = this;
    if (!stage.deck) return;
    const pick = plainPick(stage, stage.pickAt(at));
    stage.element.classList.toggle("on-something", pick !== null);
    if (pick) stage.overlay.showTip(pick, at);
    else stage.overlay.hideTip();
  }

  release(event) {
    const [at, down] = [this.at(event), this.down];
    this.down = null;
    if (down && Math.hypot(at[0] - down[0], at[1] - down[1]) <= CLICK_PX) this.click(at);
  }

  click(at) {
    if (this.tool === "measure") this.stage.overlay.measure(this.place(at));
    else this.pick(at);
  }

  async pick(at) {
    const { stage } = this;
    const { scene } = stage;
    const picked = stage.pickAt(at);
    const pick = plainPick(stage, await stage.complete(picked));
    if (stage.scene !== scene) return;
    stage.overlay.picked = pick;
    stage.schedule();
    if (pick) stage.overlay.showTip(pick, at);
    stage.tell("pick", pick);
  }

  /** The place of a pixel: in 3D that of the localisation under it, where there is one. */
  place(at) {
    const { stage } = this;
    if (stage.camera.mode === "2d") return stage.toData(at);
    const { localisation } = stage.pickAt(at);
    if (!localisation) return stage.toData(at);
    const values = localisation.entry.columns.get(POSITION);
    return Array.from(values.subarray(3 * localisation.index, 3 * localisation.index + 3));
  }

  key(event) {
    const { stage } = this;
    if (!this.isOnCanvas(event) || event.ctrlKey || event.metaKey || event.altKey || isDrawing(stage.element)) return;
    if (event.key === "Escape") return void this.escape(event);
    const [width, height] = stage.size;
    const { overlay } = stage;
    const turns = event.shiftKey && stage.camera.mode === "3d";
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": ZOOM, "=": ZOOM, "-": -ZOOM, "_": -ZOOM };
    const arrow = arrows[event.key];
    if (arrow && turns) stage.setCamera(moved(stage.camera, { turn: -TURN * arrow[0], tilt: TURN * arrow[1] }));
    else if (arrow) stage.setCamera(moved(stage.camera, { right: PAN * width * arrow[0], down: PAN * height * arrow[1] }));
    else if (event.key in zooms) stage.setCamera(moved(stage.camera, { zoom: zooms[event.key] }));
    else if (event.key === "0" || event.key === "Home") stage.fit();
    else if (event.key === " ") this.click([width / 2, height / 2]);
    else return;
    this.useKeys(true);
    if (overlay.start) overlay.end = this.place([width / 2, height / 2]);
    event.preventDefault();
    event.stopPropagation();
  }

  escape(event) {
    const { overlay } = this.stage;
    const begun = overlay.cancelMeasure();
    if (begun || overlay.picked) event.stopPropagation();
    if (!begun) overlay.picked = null;
    overlay.hideTip();
    this.stage.schedule();
  }

  destroy() {
    clearTimeout(this.resting);
    this.listening.abort();
  }
}
