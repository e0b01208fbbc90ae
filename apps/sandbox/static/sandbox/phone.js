/* One buyer's phone: the chat with the shop, as a messenger shows it. */

import { bubble } from "./bubble.js";
import { day, element, tell, upload } from "./shared.js";

const NEAR_END = 80; // pixels: whoever reads further up is not scrolled down
const FILE_BYTES = 10_000_000;

export class Phone {
  /* `store`: the shop's name; `close`: called when the phone is put away, or nothing. */
  constructor(user, store, close) {
    this.user = user;
    this.asked = new Set();
    this.newest = 0;
    this.blocked = false;
    this.build(store, close);
  }

  build(store, close) {
    this.list = element("ol", { className: "messages", "aria-live": "polite", "aria-label": "Pesan dengan toko", tabindex: "0" });
    this.toast = element("div", { className: "toast", role: "status", hidden: true });
    this.status = element("small", {}, "bot");
    this.reply = element("div", { className: "reply-keyboard", hidden: true });
    const id = "text" + this.user.id;
    this.input = element("input", { id, autocomplete: "off", placeholder: "Tulis pesan, misalnya /start", maxlength: "4096" });
    this.file = element("input", { type: "file", hidden: true, onchange: () => this.sendFile(), tabindex: "-1", "aria-label": "Kirim gambar atau file" });
    this.menu = element("div", { className: "commands", hidden: true });
    this.form = element("form", { className: "form", onsubmit: (event) => this.submit(event) },
      element("button", { type: "button", className: "icon", "aria-label": "Daftar perintah", title: "Daftar perintah", onclick: () => (this.menu.hidden = !this.menu.hidden) }, "/"),
      element("label", { className: "hidden", for: id }, "Pesan"), this.input,
      element("button", { type: "button", className: "icon", "aria-label": "Lampirkan", title: "Kirim gambar atau file", onclick: () => this.file.click() }, "📎"),
      this.file, element("button", { type: "submit" }, "Kirim"));
    this.block = element("button", { type: "button", className: "quiet", onclick: () => this.toggleBlock() }, "Blokir bot");
    const top = element("div", { className: "top" },
      element("span", { className: "avatar", "aria-hidden": "true" }, "🛍️"),
      element("div", { className: "who" }, element("b", {}, store), this.status),
      element("span", { className: "owner" }, this.user.name), this.block,
      close ? element("button", { type: "button", className: "quiet", "aria-label": "Tutup ponsel " + this.user.name, onclick: close }, "✕") : null);
    this.node = element("section", { className: "phone", "aria-label": "Ponsel " + this.user.name }, top, this.list, this.toast, this.menu, this.reply, this.form);
  }

  /* What the fakes told of this chat. */
  update(state) {
    const mine = state.messages.filter((message) => message.chat_id === this.user.id);
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_END;
    const first = this.newest === 0;
    mine.forEach((message) => this.draw(message));
    if (mine.length && (atEnd || first)) this.toEnd();
    for (const answer of state.answers) this.answered(answer);
    const typing = state.typing.includes(this.user.id);
    this.status.textContent = typing ? "sedang mengetik…" : "bot";
    this.status.className = typing ? "typing" : "";
    this.drawReplyKeyboard(state.reply_keyboards[this.user.id] || []);
    this.drawCommands(state.commands);
    const known = state.users.find((user) => user.id === this.user.id);
    if (known) this.drawBlocked(known.blocked);
    if (first && !this.list.children.length && !this.greeted) {
      this.greeted = true;
      this.input.value = "/start";
    }
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  draw(message) {
    const old = this.list.querySelector(`[data-id="${message.message_id}"]`);
    if (message.deleted) {
      if (old) old.remove();
      return;
    }
    const made = bubble(message, {
      press: (node, shown, button) => this.press(node, shown, button),
      copied: (text) => this.say(text),
      loaded: () => message.message_id >= this.newest - 2 && this.toEnd(),
    });
    if (old) {
      /* keep the focus of somebody who uses the keyboard */
      const place = [...old.querySelectorAll("button")].indexOf(document.activeElement);
      old.replaceWith(made);
      const again = made.querySelectorAll("button")[place];
      if (again) again.focus();
    } else {
      this.drawDay(message);
      this.list.append(made);
    }
    this.newest = Math.max(this.newest, message.message_id);
  }

  drawDay(message) {
    const today = day(message.date);
    if (today === this.day) return;
    this.day = today;
    this.list.append(element("li", { className: "day" }, today));
  }

  drawReplyKeyboard(rows) {
    const now = JSON.stringify(rows);
    if (this.reply.dataset.drawn === now) return;
    this.reply.dataset.drawn = now;
    this.reply.hidden = !rows.length;
    const line = (row) => element("div", { className: "row" }, ...row.map((text) => element("button", { type: "button", onclick: () => this.send(text) }, text)));
    this.reply.replaceChildren(...rows.map(line));
  }

  drawCommands(commands) {
    const now = JSON.stringify(commands);
    if (this.menu.dataset.drawn === now) return;
    this.menu.dataset.drawn = now;
    const entry = (command) => element("button", { type: "button", onclick: () => { this.menu.hidden = true; this.send("/" + command.command); } }, "/" + command.command, element("span", {}, command.description));
    this.menu.replaceChildren(...commands.map(entry));
  }

  drawBlocked(blocked) {
    this.blocked = blocked;
    this.block.textContent = blocked ? "Buka blokir" : "Blokir bot";
    this.node.classList.toggle("blocked", blocked);
  }

  async toggleBlock() {
    this.drawBlocked(!this.blocked);
    await tell("block", { user: this.user.id, blocked: this.blocked });
  }

  say(text, isAlert) {
    this.toast.textContent = text;
    this.toast.hidden = false;
    this.toast.classList.toggle("alert", Boolean(isAlert));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.toast.hidden = true), isAlert ? 5000 : 2500);
  }

  answered(answer) {
    if (!this.asked.delete(answer.query)) return;
    this.list.querySelectorAll(".waiting").forEach((node) => node.classList.remove("waiting"));
    if (answer.text) this.say(answer.text, answer.alert);
  }

  async press(node, message, button) {
    if (button.url) return window.open(button.url, "_blank", "noopener");
    node.classList.add("waiting");
    const done = await tell("press", { user: this.user.id, message_id: message.message_id, data: button.callback_data });
    this.asked.add(done.query);
  }

  async send(text) {
    if (!text.trim()) return;
    await tell("say", { user: this.user.id, text });
  }

  submit(event) {
    event.preventDefault();
    const text = this.input.value;
    this.input.value = "";
    this.send(text);
  }

  async sendFile() {
    const file = this.file.files[0];
    if (!file) return;
    this.file.value = "";
    if (file.size > FILE_BYTES) return this.say("Paling besar 10 MB ya.", true);
    const query = new URLSearchParams({ user: this.user.id, name: file.name, caption: this.input.value });
    this.input.value = "";
    await upload(query, file);
  }
}
