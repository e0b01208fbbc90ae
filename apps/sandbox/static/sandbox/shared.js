/* What every page of the sandbox uses: calls to the fakes and to the shop, and making elements. */

export const API = new URL("/sandbox/api/", location.origin);
const INSIDE = new URL("/sandbox/inside/", location.origin);
const ZONE = document.body.dataset.zone;

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

async function call(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

function posted(body, type = "application/json") {
  return { method: "POST", headers: { "Content-Type": type, "X-CSRFToken": cookie("csrftoken") }, body };
}

export const ask = (what) => call(new URL(what, API));
export const tell = (what, body) => call(new URL(what, API), posted(JSON.stringify(body)));
export const upload = (query, file) => call(new URL("upload?" + query, API), posted(file, "application/octet-stream"));
export const look = (buyer) => call(new URL("?buyer=" + (buyer || 0), INSIDE));
export const lend = (body) => call(INSIDE, posted(JSON.stringify(body)));

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "className") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function rupiah(amount) {
  return "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
}

/* Times as the shop's people read them, whatever the browser's own zone. Seconds since 1970. */
export function clock(seconds, more = {}) {
  return new Date(seconds * 1000).toLocaleTimeString("id-ID", { hour: "2-digit", minute: "2-digit", timeZone: ZONE, ...more });
}

export function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString("id-ID", { day: "numeric", month: "long", year: "numeric", timeZone: ZONE });
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
