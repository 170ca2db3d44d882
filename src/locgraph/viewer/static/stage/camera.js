/**
 * Where a stage looks, as plain numbers, and what follows from it.
 *
 * As in a camera image, and in every figure of locgraph, x points to the right and y downwards. In three dimensions z
 * points towards the viewer who looks from above, so that the view from above is the two-dimensional picture; deck.gl's
 * frame is right-handed, hence y is mirrored there (MIRROR).
 *
 * A camera is {mode: "2d"|"3d", target: [x, y, z] nm, zoom: log2 of pixels per nm, rotationX, rotationOrbit: degrees}.
 */

/** Model matrix of all layers in 3D: y downwards. */
export const MIRROR = [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** The closest and the farthest that a camera goes: 1000 pixels per nm, a metre per pixel. */
const ZOOMS = { min: -30, max: 10 };

const MARGIN = 0.06;
const SMALLEST_NM = 10;
const TILT = { rotationX: 35, rotationOrbit: 25 };

/** Return the camera that shows a whole box. */
export function fitCamera(box, size, mode) {
  const [low, high] = box;
  const target = [0, 1, 2].map((axis) => ((low[axis] ?? 0) + (high[axis] ?? 0)) / 2);
  const sides = [0, 1, 2].map((axis) => (high[axis] ?? 0) - (low[axis] ?? 0));
  const free = 1 - 2 * MARGIN;
  const [wide, tall] = mode === "3d" ? [Math.hypot(...sides), Math.hypot(...sides)] : sides;
  const scale = Math.min(
    (size[0] * free) / Math.max(wide, SMALLEST_NM),
    (size[1] * free) / Math.max(tall, SMALLEST_NM),
  );
  const zoom = Math.log2(Math.max(scale, 1e-9));
  return { mode, target, zoom, rotationX: 0, rotationOrbit: 0, ...(mode === "3d" ? TILT : {}) };
}

/** Return how many nm one pixel shows. */
export function nmPerPixel(camera) {
  return 2 ** -camera.zoom;
}

/** Return the view state of deck.gl. */
export function toViewState(camera) {
  const [x, y, z] = camera.target;
  const limits = { minZoom: ZOOMS.min, maxZoom: ZOOMS.max };
  if (camera.mode === "2d") return { target: [x, y, 0], zoom: camera.zoom, ...limits };
  const { rotationX, rotationOrbit } = camera;
  return { target: [x, -y, z], zoom: camera.zoom, rotationX, rotationOrbit, ...limits };
}

/** Return the camera after deck.gl's controller moved it. */
export function fromViewState(camera, viewState) {
  const zoom = Array.isArray(viewState.zoom) ? viewState.zoom[0] : viewState.zoom;
  const [x, y, z] = viewState.target;
  if (camera.mode === "2d") return { ...camera, target: [x, y, camera.target[2]], zoom };
  const { rotationX, rotationOrbit } = viewState;
  return { ...camera, target: [x, -y, z ?? 0], zoom, rotationX, rotationOrbit };
}

/**
 * Return the affine map from nm to pixels, as rows [[xx, xy, xz, x0], [yx, yy, yz, y0], [zx, zy, zz, z0]].
 *
 * Both projections are parallel, so it is exact; the third row is the depth, larger is nearer.
 */
export function projection(camera, size) {
  const scale = 2 ** camera.zoom;
  const [ex, ey, ez] = axesOnScreen(camera).map((axis) => axis.map((part) => part * scale));
  const middle = [size[0] / 2, size[1] / 2, 0];
  return [0, 1, 2].map((row) => {
    const parts = [ex[row], ey[row], ez[row]];
    const shift = middle[row] - parts.reduce((sum, part, axis) => sum + part * camera.target[axis], 0);
    return [...parts, shift];
  });
}

/** Return where a step along each axis goes: [right, down, nearer] for x, y and z. */
export function axesOnScreen(camera) {
  if (camera.mode === "2d") return [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  const tilt = (camera.rotationX * Math.PI) / 180;
  const turn = (camera.rotationOrbit * Math.PI) / 180;
  const [s, c] = [Math.sin(turn), Math.cos(turn)];
  const [up, ahead] = [Math.sin(tilt), Math.cos(tilt)];
  // mirrored frame (x, -y, z), turned about z, then tilted; a tilt of 90 degrees looks from above
  return [
    [c, -s * up, -s * ahead],
    [s, c * up, c * ahead],
    [0, -ahead, up],
  ];
}

/** Return the pixel of a place in nm. */
export function project(map, place) {
  return map.slice(0, 2).map((row) => row[0] * place[0] + row[1] * place[1] + row[2] * (place[2] ?? 0) + row[3]);
}

/** Return the place in nm at a pixel: in the plane of the picture in 2D, in the plane through the target in 3D. */
export function unproject(camera, size, pixel) {
  const step = [pixel[0] - size[0] / 2, pixel[1] - size[1] / 2].map((one) => one * nmPerPixel(camera));
  const axes = axesOnScreen(camera);
  const place = camera.target.map((value, axis) => value + step[0] * axes[axis][0] + step[1] * axes[axis][1]);
  return camera.mode === "2d" ? place.slice(0, 2) : place;
}

/** Return a camera moved by pixels of the screen, zoomed about its target and turned. */
export function moved(camera, { right = 0, down = 0, zoom = 0, turn = 0, tilt = 0 }) {
  const target = unproject(camera, [0, 0], [right, down]);
  return {
    ...camera,
    target: camera.mode === "2d" ? [...target, camera.target[2]] : target,
    zoom: Math.min(Math.max(camera.zoom + zoom, ZOOMS.min), ZOOMS.max),
    rotationOrbit: camera.rotationOrbit + turn,
    rotationX: Math.min(Math.max(camera.rotationX + tilt, -90), 90),
  };
}
