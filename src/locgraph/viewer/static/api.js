/** Calls of the server. Addresses are relative, so that the page works behind a prefix of a proxy. */

// a frame in a page of another origin gets no cookie: its address holds the token, where no server sees it
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname + location.search);

/** A refusal of the server, with its message for people. */
class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "ServerError";
    this.status = status;
  }
}

/** The address of a call, for images, downloads and event streams. */
export function url(path) {
  if (!token) return path;
  return `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;
}

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(url(path), { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("the viewer does not answer: it may have been stopped. Start it again, and load the page again", 0);
  }
  if (answer.ok) return answer;
  let message = `${answer.status} ${answer.statusText}`;
  try {
    message = (await answer.json()).error ?? message;
  } catch {
    // not from the viewer, as from a proxy before it: its status says all
  }
  throw new ServerError(message, answer.status);
}

/** The JSON answer of a call. */
export async function json(path, { signal } = {}) {
  return (await call(path, { signal })).json();
}

/** The bytes of a call as a typed array, such as `buffer(path, Float32Array)`. */
export async function buffer(path, Type, { signal } = {}) {
  return new Type(await (await call(path, { signal })).arrayBuffer());
}

/** Send a change or a question too long for an address; returns the JSON answer. */
export async function post(path, body, { signal } = {}) {
  const headers = { "content-type": "application/json", "x-locgraph": "1" };
  return (await call(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}
