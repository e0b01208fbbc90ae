"use strict";

const KEPT_TAGS = { B: "b", STRONG: "b", I: "i", EM: "i", U: "u", S: "s", CODE: "code", PRE: "pre", BLOCKQUOTE: "blockquote" };
const people = document.getElementById("people");
const list = document.getElementById("messages");
const toast = document.getElementById("toast");
const form = document.getElementById("form");
const input = document.getElementById("text");

let me = Number(sessionStorage.getItem("me")) || 701;
let sequence = 0;
let newest = -1;
const seen = JSON.parse(sessionStorage.getItem("seen") || "{}");
const asked = new Set();

/* Only Telegram's own formatting survives; everything else becomes text. */
function formatted(html) {
  const copy = (node, target) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) target.append(child.data);
      else if (KEPT_TAGS[child.tagName]) {
        const made = element(KEPT_TAGS[child.tagName]);
        if (child.tagName === "CODE") {
          made.title = "Tekan untuk menyalin";
          made.addEventListener("click", () => navigator.clipboard && navigator.clipboard.writeText(made.textContent));
        }
        copy(child, made);
        target.append(made);
      } else copy(child, target);
    }
  };
  const box = element("div", { className: "text" });
  copy(new DOMParser().parseFromString(html, "text/html").body, box);
  return box;
}

function bubble(message) {
  const item = element("li", { className: message.from, id: "m" + message.message_id, "data-id": message.message_id });
  if (message.photo) {
    const image = element("img", { src: new URL("file/" + message.photo, API), alt: "Gambar dari toko" });
    image.addEventListener("load", () => message.message_id >= newest - 2 && (list.scrollTop = list.scrollHeight));
    item.append(image);
  }
  if (message.document) {
    const link = element("a", { href: new URL("file/" + message.document, API), download: message.document_name, className: "document" });
    link.append("📄 " + message.document_name);
    item.append(link);
  }
  if (message.text) item.append(message.html ? formatted(message.text) : element("div", { className: "text" }, message.text));
  const order = message.photo && /AO-[A-Z0-9]+/.exec(message.text || "");
  if (order && message.keyboard && message.keyboard.length) {
    const pay = element("a", { href: "/sandbox/gateway/?order=" + order[0], className: "scan", target: "_blank", rel: "noopener" });
    pay.append("📷 Pindai QR ini");
    item.append(pay);
  }
  item.append(element("time", {}, new Date(message.date * 1000).toLocaleTimeString("id", { hour: "2-digit", minute: "2-digit" })));
  for (const row of message.keyboard || []) {
    const line = element("div", { className: "row" });
    for (const button of row) {
      line.append(element("button", { type: "button", onclick: (event) => press(event.currentTarget, message, button) }, button.text));
    }
    item.append(line);
  }
  return item;
}

function draw(messages) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  for (const message of messages) {
    const old = document.getElementById("m" + message.message_id);
    if (message.deleted) {
      if (old) old.remove();
      continue;
    }
    const made = bubble(message);
    if (old) {
      /* keep the focus of somebody who uses the keyboard */
      const place = [...old.querySelectorAll("button")].indexOf(document.activeElement);
      old.replaceWith(made);
      const again = made.querySelectorAll("button")[place];
      if (again) again.focus();
    } else list.append(made);
    newest = Math.max(newest, message.message_id);
  }
  if (messages.length && atEnd) list.scrollTop = list.scrollHeight;
}

function drawPeople(users) {
  const before = people.dataset.drawn;
  seen[me] = (users.find((user) => user.id === me) || {}).last || 0;
  sessionStorage.setItem("seen", JSON.stringify(seen));
  const now = JSON.stringify([users, me]);
  if (before === now) return;
  people.dataset.drawn = now;
  people.replaceChildren();
  for (const user of users) {
    const attributes = { type: "button", onclick: () => become(user.id) };
    if (user.id === me) attributes["aria-current"] = "true";
    const button = element("button", attributes, user.name);
    if (user.last > (seen[user.id] || 0) && user.id !== me) button.append(element("span", { className: "unread", "aria-label": "belum dibaca" }));
    people.append(button);
  }
}

function say(text, isAlert) {
  toast.textContent = text;
  toast.hidden = false;
  toast.className = isAlert ? "alert" : "";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (toast.hidden = true), isAlert ? 5000 : 2500);
}

async function press(node, message, button) {
  if (button.url) return window.open(button.url, "_blank", "noopener");
  node.classList.add("waiting");
  const done = await tell("press", { user: me, message_id: message.message_id, data: button.callback_data });
  asked.add(done.query);
  refresh();
}

function become(user) {
  me = user;
  sessionStorage.setItem("me", me);
  sequence = 0;
  newest = -1;
  list.replaceChildren();
  refresh();
}

let running = false;
async function refresh() {
  if (running) return;
  running = true;
  const who = me;
  try {
    const state = await ask(`state?chat=${me}&since=${sequence}`);
    if (who === me) {
      const first = sequence === 0;
      draw(state.messages);
      if (first) list.scrollTop = list.scrollHeight;
      for (const answer of state.answers) {
        if (!asked.delete(answer.query)) continue;
        document.querySelectorAll(".waiting").forEach((node) => node.classList.remove("waiting"));
        if (answer.text) say(answer.text, answer.alert);
      }
      sequence = state.sequence;
      drawPeople(state.users);
      if (first && !list.children.length && !sessionStorage.getItem("greeted" + me)) {
        sessionStorage.setItem("greeted" + me, "1");
        input.value = "/start";
      }
    }
  } catch {
    say("Sandbox sedang mulai lagi…");
  } finally {
    running = false;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = input.value;
  if (!text.trim()) return;
  input.value = "";
  await tell("say", { user: me, text });
  refresh();
});

setInterval(refresh, 500);
refresh();
