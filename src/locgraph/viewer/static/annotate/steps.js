/** Steps on their way to the file: sent one after the other, and kept in this browser until the server has them. */

import { post } from "../api.js";

const PREFIX = "locgraph-steps-";
const RETRY_MS = 1500;

/** A name that no other step has: 32 hexadecimal digits. */
export function newName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @typedef {{path: string, body: object}} Step
 * @typedef {{state: "saved"|"saving"|"waiting", waiting: number, reason: string, since: ?Date}} Saving
 */

export class Steps {
  #queue = [];
  #sending = false;
  #since = null;
  #timer = null;
  #place;
  #watch;

  /**
   * @param {string} key Names annotator, file and data: steps of others are never sent.
   * @param {object} watch
   * @param {(saving: Saving) => void} watch.onSaving
   * @param {(answer: object, step: Step) => void} watch.onSaved
   * @param {(error: Error, step: Step) => void} watch.onRefused The step makes no sense to the server.
   * @param {(number: number, since: Date) => void} watch.onBack All that had to wait is in the file.
   */
  constructor(key, watch) {
    this.#watch = watch;
    this.#place = `${PREFIX}${key}-${newName()}`;
    this.#queue = adopt(`${PREFIX}${key}-`);
    this.adopted = this.#queue.length;
    window.addEventListener("beforeunload", (event) => {
      if (this.#queue.length) event.preventDefault();
    });
    window.addEventListener("online", () => this.retry());
    if (this.adopted) {
      this.#keep();
      this.#send();
    }
  }

  /** Add a step. */
  push(path, body) {
    this.#queue.push({ path, body });
    this.#keep();
    this.#send();
  }

  /** Number of steps that are not in the file yet. */
  get waiting() {
    return this.#queue.length;
  }

  /** Send again at once what had to wait. */
  retry() {
    clearTimeout(this.#timer);
    this.#send();
  }

  /** Give up the first step that waits. */
  discard() {
    if (this.#sending) return;
    this.#queue.shift();
    this.#keep();
    if (this.#queue.length) this.retry();
    else this.#end();
  }

  async #send() {
    if (this.#sending || !this.#queue.length) return;
    this.#sending = true;
    if (!this.#since) this.#tell("saving");
    while (this.#queue.length) {
      const step = this.#queue[0];
      let [answer, refusal] = [null, null];
      try {
        answer = await post(step.path, step.body);
      } catch (error) {
        if (mayPass(error)) {
          this.#wait(error);
          return;
        }
        refusal = error;
      }
      this.#queue.shift();
      this.#keep();
      if (refusal) this.#watch.onRefused(refusal, step);
      else this.#watch.onSaved(answer, step);
    }
    this.#sending = false;
    this.#end();
  }

  #wait(error) {
    this.#sending = false;
    this.#since ??= { date: new Date(), number: 0 };
    this.#since.number = Math.max(this.#since.number, this.#queue.length);
    this.#tell("waiting", error.message);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), RETRY_MS);
  }

  #end() {
    clearTimeout(this.#timer);
    const since = this.#since;
    this.#since = null;
    this.#tell("saved");
    if (since) this.#watch.onBack(since.number, since.date);
  }

  #tell(state, reason = "") {
    this.#watch.onSaving({ state, waiting: this.#queue.length, reason, since: this.#since?.date ?? null });
  }

  #keep() {
    try {
      if (this.#queue.length) localStorage.setItem(this.#place, JSON.stringify(this.#queue));
      else localStorage.removeItem(this.#place);
    } catch {
      // storage is full or not allowed: the steps wait in this page alone
    }
  }
}

/** Whether a step may succeed later: the server is away, was started again, or its disk is full. */
function mayPass(error) {
  return !("status" in error) || error.status === 0 || error.status === 401 || error.status === 403 || error.status >= 500;
}

/** Take the steps that pages of before could not send. */
function adopt(prefix) {
  const steps = [];
  try {
    const places = Object.keys(localStorage).filter((place) => place.startsWith(prefix));
    for (const place of places) {
      steps.push(...JSON.parse(localStorage.getItem(place)));
      localStorage.removeItem(place);
    }
  } catch {
    // storage is not allowed, or holds something else
  }
  return steps.filter((step) => typeof step?.path === "string" && typeof step.body === "object");
}
