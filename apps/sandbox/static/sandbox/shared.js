"use strict";

const API = new URL("/sandbox/api/", location.origin);

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

async function ask(what) {
  const answer = await fetch(new URL(what, API));
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function tell(what, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") };
  const answer = await fetch(new URL(what, API), { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (name === "className") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function rupiah(amount) {
  return "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
}
