/* Plays a scenario on the page: every step is shown, done and checked. */

import { SCENARIOS } from "./scenarios.js";
import { ask, element, lend, sleep, tell } from "./shared.js";
import { ALL_WELL, passTime } from "./switches.js";

const PATIENCE = 60_000; // ms for what must happen
const NAMES = ["Rina", "Joko", "Putri", "Agus", "Lestari", "Bayu"];
const plain = (message) => (message.html ? new DOMParser().parseFromString(message.text, "text/html").body.textContent : message.text || "");

export class Player {
  /* `open(user)` puts a buyer on a phone of the page. */
  constructor(node, open) {
    this.open = open;
    this.log = element("ol", { className: "played", "aria-live": "polite" });
    this.result = element("p", { className: "result", role: "status" });
    this.buttons = SCENARIOS.map((scenario) => element("button", { type: "button", id: "scenario-" + scenario.id, className: "scenario", onclick: () => this.play(scenario) }, element("b", {}, scenario.title), element("span", {}, scenario.about)));
    node.replaceChildren(element("h2", {}, "Skenario"), element("p", {}, "Tekan satu: halaman ini memainkannya dengan pembeli baru."), ...this.buttons, this.result, this.log);
  }

  async play(scenario) {
    this.buttons.forEach((button) => (button.disabled = true));
    this.people = {};
    this.log.replaceChildren();
    this.result.textContent = `⏳ ${scenario.title}…`;
    this.result.className = "result";
    const started = performance.now();
    try {
      await this.patiently(() => tell("faults", ALL_WELL));
      for (const step of scenario.steps) await this.step(step);
      const seconds = ((performance.now() - started) / 1000).toFixed(1).replace(".", ",");
      this.conclude("done", `✓ ${scenario.title}: selesai dalam ${seconds} dtk`);
    } catch (error) {
      this.conclude("failed", `✗ ${scenario.title}: ${error.message}`);
    } finally {
      await this.patiently(() => tell("faults", ALL_WELL));
      this.buttons.forEach((button) => (button.disabled = false));
    }
  }

  conclude(how, text) {
    this.result.className = "result " + how;
    this.result.textContent = text;
  }

  async step([word, ...needs]) {
    const line = element("li", {}, this.describe(word, needs));
    this.log.append(line);
    line.scrollIntoView({ block: "nearest" });
    await this[word](...needs);
    line.className = "done";
  }

  describe(word, [who, what]) {
    const name = this.people[who] ? this.people[who].name : who;
    const said = {
      buyer: () => "Pembeli baru datang", say: () => `${name} menulis ${what}`, answer: () => `${name} menjawab ${what}`, press: () => `${name} menekan ${what}`, see: () => `${name} melihat “${what}”`,
      unseen: () => `${name} belum melihat “${what}”`, pay: () => `${name} membayar`, fault: () => "Sakelar: " + Object.entries(who).map(([key, on]) => `${key} ${on ? "nyala" : "mati"}`).join(", "),
      clock: () => `Jam maju ${who >= 1440 ? Math.round(who / 1440) + " hari" : who + " menit"}`, finish: () => `Penjual menyelesaikan pesanan ${name}`, stock: () => `Stok ${who} jadi ${what}`,
      restart: () => "Semua proses dimatikan paksa", wait: () => `Tunggu ${who} detik`, note: () => who,
    };
    return said[word]();
  }

  /* Again until it works: processes restart, messages take their time. */
  async patiently(attempt, what = "toko belum menjawab") {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      try {
        const found = await attempt();
        if (found) return found;
      } catch {
        /* not yet */
      }
      if (performance.now() > deadline) throw new Error(what);
      await sleep(250);
    }
  }

  async messages(who) {
    return (await ask(`messages?chat=${this.people[who].id}`)).messages.filter((message) => message.from === "bot" && !message.deleted);
  }

  async buyer(who) {
    const id = 100_000 + Math.floor(Math.random() * 8e8);
    const name = NAMES[Object.keys(this.people).length + Math.floor(Math.random() * 3)] || "Wati";
    this.people[who] = { id, name };
    await this.patiently(() => tell("users", this.people[who]));
    this.open(this.people[who], Object.keys(this.people).length === 1);
  }

  async say(who, text) {
    await this.patiently(() => tell("say", { user: this.people[who].id, text }));
  }

  answer(who, text) {
    return this.say(who, text);
  }

  async press(who, label) {
    const [message, button] = await this.patiently(async () => {
      for (const shown of (await this.messages(who)).reverse()) {
        const found = (shown.keyboard || []).flat().find((one) => one.text.includes(label));
        if (found) return [shown, found];
      }
      return null;
    }, `tombol ${label} tidak muncul`);
    await this.patiently(() => tell("press", { user: this.people[who].id, message_id: message.message_id, data: button.callback_data }));
  }

  async see(who, text) {
    await this.patiently(async () => (await this.messages(who)).some((message) => plain(message).includes(text)), `“${text}” tidak muncul`);
  }

  async unseen(who, text) {
    if ((await this.messages(who)).some((message) => plain(message).includes(text))) throw new Error(`“${text}” sudah muncul`);
  }

  async number(who) {
    return this.patiently(async () => {
      const invoice = (await this.messages(who)).reverse().find((message) => message.photo && /AO-[A-Z0-9]+/.test(message.text));
      return invoice && /AO-[A-Z0-9]+/.exec(invoice.text)[0];
    }, "QR tidak muncul");
  }

  async pay(who) {
    const order_id = await this.number(who);
    await this.patiently(() => tell("pay", { order_id }));
  }

  async fault(values) {
    await this.patiently(() => tell("faults", values));
  }

  clock(minutes) {
    return passTime(minutes).then(() => sleep(1500)); // the clock strikes once a second
  }

  async finish(who) {
    const order = await this.number(who);
    await this.patiently(async () => (await lend({ do: "finish", order })).finished > 0, "tidak ada yang dikerjakan manual");
  }

  async stock(code, units) {
    await this.patiently(() => lend({ do: "stock", code, units }));
  }

  async restart() {
    await this.patiently(() => lend({ do: "restart" }));
    await sleep(1000);
  }

  wait(seconds) {
    return sleep(seconds * 1000);
  }

  note() {
    return sleep(300);
  }
}
