/** deck.gl as a stage uses it: one canvas, one view, a parallel projection in 2D and 3D. */

import { complain } from "../notice.js";
import { fromViewState, toViewState } from "./camera.js";

/** Most localisations in one picture, with a graphics card and without. */
export const MOST_DRAWN = { card: 2_000_000, cpu: 150_000 };

const FINEST = 2;

/** Takes the place of the deck where there is no WebGL: values, measuring and export as SVG still work. */
const NO_DECK = { props: {}, setProps() {}, redraw() {}, finalize() {} };

/** Return the deck that draws into the canvas of a stage. */
export function makeDeck(stage) {
  if (!hasWebGl()) {
    complain(new Error("this browser does not draw with WebGL 2, so localisations stay invisible. Turn on hardware acceleration in its settings, or open the page in another browser"));
    return NO_DECK;
  }
  return new globalThis.deck.Deck({
    canvas: stage.canvas,
    width: "100%",
    height: "100%",
    ...viewProps(stage.camera),
    useDevicePixels: Math.min(globalThis.devicePixelRatio, FINEST),
    layers: [],
    onDeviceInitialized: (device) => stage.setBudget(device.info?.gpuType === "cpu" ? MOST_DRAWN.cpu : MOST_DRAWN.card),
    onViewStateChange: ({ viewState }) => stage.setCamera(fromViewState(stage.camera, viewState)),
    onError: (error) => complain(error),
  });
}

/** Return the view of a camera, which the pointer moves; keys are in pointer.js. */
export function viewProps(camera) {
  const { OrbitView, OrthographicView } = globalThis.deck;
  const controller = { keyboard: false, inertia: false, doubleClickZoom: false, scrollZoom: { speed: 0.008 } };
  const view = camera.mode === "2d"
    ? new OrthographicView({ id: "flat", flipY: true, controller })
    : new OrbitView({ id: "orbit", orbitAxis: "Z", orthographic: true, controller });
  return { views: [view], viewState: viewStates(camera) };
}

/** Return the view state of the view of a camera. */
export function viewStates(camera) {
  return { [camera.mode === "2d" ? "flat" : "orbit"]: toViewState(camera) };
}

function hasWebGl() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}
