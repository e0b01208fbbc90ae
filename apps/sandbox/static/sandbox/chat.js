/* The chat page: people on the left, phones in the middle, what happens inside on the right. */

import { Inside } from "./inside.js";
import { People } from "./people.js";
import { Phone } from "./phone.js";
import { Player } from "./player.js";
import { ask, tell } from "./shared.js";
import { Switches } from "./switches.js";

const EVERY = 500; // ms between two looks at the fakes
const INSIDE_EVERY = 1000;
const MOST_PHONES = 3;
const store = document.body.dataset.store;
const stage = document.getElementById("phones");
const notice = document.getElementById("notice");
const panel = document.getElementById("panel");
const NAMES = ["Wati", "Hendra", "Ayu", "Fajar", "Mega", "Rizki"];

let phones = [];
let users = [];
let sequence = 0;
let running = false;
let ahead;

const people = new People(document.getElementById("people"), { choose: (user) => show(user), beside: (user) => show(user, true), add: () => addBuyer() });
const inside = new Inside(document.getElementById("inside"));
const switches = new Switches(document.getElementById("switches"));
new Player(document.getElementById("scenarios"), (user, alone) => show({ recent: [], last: 0, ...user }, !alone));

function room() {
  return Math.max(1, Math.min(MOST_PHONES, Math.floor(stage.clientWidth / 300)));
}

/* Put a buyer on a phone: instead of the others, or beside them. */
function show(user, beside = false) {
  if (phones.some((phone) => phone.user.id === user.id)) return;
  const kept = beside ? phones.slice(-(room() - 1) || phones.length) : [];
  phones = [...(room() > 1 ? kept : []), new Phone(user, store, () => putAway(user.id))];
  sequence = 0;
  draw();
}

function putAway(id) {
  if (phones.length < 2) return;
  phones = phones.filter((phone) => phone.user.id !== id);
  draw();
}

function draw() {
  stage.replaceChildren(...phones.map((phone) => phone.node));
  phones.forEach((phone) => phone.toEnd());
  sessionStorage.setItem("open", JSON.stringify(phones.map((phone) => phone.user.id)));
  people.update(users, phones.map((phone) => phone.user.id));
  refresh();
}

async function addBuyer() {
  const user = { id: 100_000 + Math.floor(Math.random() * 8e8), name: NAMES[users.length % NAMES.length] };
  await tell("users", user);
  show({ recent: [], last: 0, ...user });
}

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

async function refresh() {
  if (running || !phones.length) return;
  running = true;
  const asked = phones.map((phone) => phone.user.id);
  try {
    const state = await ask(`state?${asked.map((id) => "chat=" + id).join("&")}&since=${sequence}`);
    say("");
    users = state.users;
    ahead = state.ahead;
    if (asked.join() === phones.map((phone) => phone.user.id).join()) {
      phones.forEach((phone) => phone.update(state));
      sequence = state.sequence;
      people.update(users, asked);
    }
  } catch {
    say("Toko sedang mulai lagi…");
  } finally {
    running = false;
  }
}

async function refreshInside() {
  if (!phones.length) return;
  try {
    switches.showTime(await inside.refresh(phones[phones.length - 1].user, ahead));
    if (!panel.querySelector("select:focus")) await switches.refresh();
  } catch {
    /* the next round tries again */
  }
}

for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    document.body.classList.add("panel-open");
  });
}
document.getElementById("close-panel").addEventListener("click", () => document.body.classList.remove("panel-open"));

async function start() {
  const state = await ask("state");
  users = state.users;
  const open = JSON.parse(sessionStorage.getItem("open") || "[]");
  const first = users.filter((user) => open.includes(user.id));
  (first.length ? first : users.slice(0, 1)).forEach((user, place) => show(user, place > 0));
  setInterval(refresh, EVERY);
  setInterval(refreshInside, INSIDE_EVERY);
  refreshInside();
}

async function startWhenUp() {
  try {
    await start();
  } catch {
    say("Toko sedang mulai…");
    setTimeout(startWhenUp, EVERY);
  }
}
startWhenUp();
