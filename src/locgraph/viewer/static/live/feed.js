/** Training as the server knows it: runs with their curves, read again after each change, whatever panel is open. */

import { json, url } from "../api.js";
import { complain, notify } from "../notice.js";
import { offers, state } from "../state.js";

const RETRY_MS = 1500;
const PATIENCE_MS = 2500; // a proxy may end a stream now and then, which the browser mends by itself
const OVER = new Set(["completed", "failed"]);

let data = null;
let chosen = 0;
let stream = null;
let reading = false;
let again = false;
let away = null; // closes the notice that the server does not answer
let complaining = null;
let retry = null;
const followers = new Set();

/** Answer of api/s/{s}/live; null before the first one. */
export function training() {
  return data;
}

/** The run that is looked at; null where there is none yet. */
export function run() {
  return data?.runs[chosen] ?? data?.runs[0] ?? null;
}

/** Look at another run of the sweep. */
export function chooseRun(id) {
  if (id === run()?.id) return;
  chosen = id;
  state.set({ epoch: null });
  tell({ runChanged: true });
}

/** Call `callback({runChanged, before})` after each change; returns a function that ends it. */
export function followTraining(callback) {
  followers.add(callback);
  return () => followers.delete(callback);
}

function tell(change) {
  followers.forEach((callback) => callback(change));
}

async function read() {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  const source = state.get("source");
  try {
    const answer = await json(`api/s/${source}/live`);
    if (source !== state.get("source")) return;
    const before = run();
    data = answer;
    if (before === null) chosen = (answer.runs.find((each) => each.state === "running") ?? answer.runs[0])?.id ?? 0;
    tell({ runChanged: before === null && run() !== null, before });
    if (isOver()) listen(false);
  } catch (error) {
    // that the server is away is said once, by the stream
    if (error.status !== 0) complain(error);
  } finally {
    reading = false;
    if (again) {
      again = false;
      read();
    }
  }
}

/** Whether nothing will change any more. */
function isOver() {
  const states = [...data.runs, ...data.jobs].map((each) => each.state);
  return states.length > 0 && states.every((each) => OVER.has(each));
}

function listen(wanted) {
  stream?.close();
  stream = null;
  clearTimeout(retry);
  if (!wanted) return;
  stream = new EventSource(url(`api/s/${state.get("source")}/events`));
  stream.addEventListener("open", () => {
    clearTimeout(complaining);
    complaining = null;
    if (away === null) return;
    forgive();
    notify("The viewer's server answers again: what happened meanwhile is shown.");
  });
  stream.addEventListener("change", read);
  stream.addEventListener("error", () => {
    complaining ??= setTimeout(() => {
      away = notify("The viewer's server does not answer. The page tries again until it does.", { kind: "error" });
    }, PATIENCE_MS);
    // after a refusal the browser would not try again by itself
    if (stream?.readyState === EventSource.CLOSED) retry = setTimeout(listenAgain, RETRY_MS);
  });
}

/** Take back that the server does not answer. */
function forgive() {
  clearTimeout(complaining);
  complaining = null;
  away?.();
  away = null;
}

/** Listen again after a refusal, unless it is one for good, as by a server that was started anew. */
async function listenAgain() {
  try {
    await json(`api/s/${state.get("source")}/live`);
  } catch (error) {
    if (error.status === 0 || error.status >= 500) {
      retry = setTimeout(listenAgain, RETRY_MS);
      return;
    }
    forgive();
    complain(error);
    return;
  }
  listen(true);
}

function start() {
  data = null;
  chosen = 0;
  forgive();
  const there = state.get("session") !== null && offers("live");
  listen(there && !document.hidden);
  tell({ runChanged: true, before: null });
  if (there) read();
}

// a browser has few connections to one server: hidden pages leave theirs to others
document.addEventListener("visibilitychange", () => {
  if (!offers("live")) return;
  listen(!document.hidden && !(data && isOver()));
});

state.on(["session", "source"], (changed) => {
  if (changed.includes("source") || data === null) start();
});
