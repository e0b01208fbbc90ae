/* What can be made to go wrong, and the clock. */

import { ask, day, clock, element, lend, tell } from "./shared.js";

const SWITCHES = [
  { name: "webhook_lost", label: "Kabar pembayaran (webhook) hilang" },
  { name: "webhook_delay", label: "Kabar pembayaran telat", choices: [[0, "tidak"], [5000, "5 detik"], [60000, "1 menit"]] },
  { name: "webhook_copies", label: "Kabar pembayaran dobel", choices: [[1, "sekali"], [2, "dua kali"], [8, "delapan kali"]] },
  { name: "status_amount", label: "Nominal salah di gateway", choices: [[0, "benar"], [-1000, "kurang Rp1.000"], [1000, "lebih Rp1.000"]] },
  { name: "gateway_down", label: "Gateway mati" },
  { name: "gateway_delay", label: "Gateway lambat", choices: [[0, "tidak"], [3000, "3 detik"], [8000, "8 detik"]] },
  { name: "gateway_refuses_key", label: "Gateway menolak kunci" },
  { name: "telegram_down", label: "Telegram mati" },
  { name: "telegram_500", label: "Telegram menjawab 500" },
  { name: "telegram_429", label: "Telegram: terlalu cepat (429)", choices: [[0, "tidak"], [3, "3 kali"], [10, "10 kali"]] },
];
export const ALL_WELL = Object.fromEntries(SWITCHES.map((one) => [one.name, one.choices ? one.choices[0][0] : false]));
const LEAPS = [[1, "+1 menit"], [16, "+16 menit"], [60, "+1 jam"], [1440, "+1 hari"], [38880, "+27 hari"]];

/* Shop and fakes go ahead together. */
export async function passTime(minutes) {
  const now = await lend({ do: "clock", minutes });
  await tell("faults", { clock_ahead: now.ahead });
}

export class Switches {
  constructor(node) {
    this.node = node;
    this.time = element("b", {});
    this.build();
  }

  build() {
    const leaps = LEAPS.map(([minutes, label]) => element("button", { type: "button", className: "quiet", onclick: () => passTime(minutes) }, label));
    this.node.replaceChildren(
      element("h2", {}, "Jam"), element("p", {}, "Jam toko: ", this.time), element("div", { className: "leaps" }, ...leaps),
      element("h2", {}, "Gangguan"), ...SWITCHES.map((one) => this.control(one)),
      element("button", { type: "button", className: "quiet", onclick: () => this.allWell() }, "Normalkan semua"),
      element("h2", {}, "Mati mendadak"), element("p", {}, "Semua proses toko dimatikan paksa (kill -9), lalu hidup lagi sendiri."),
      element("button", { type: "button", className: "danger", onclick: () => lend({ do: "restart" }) }, "Matikan semua"));
  }

  control(one) {
    const id = "switch-" + one.name;
    const input = one.choices
      ? element("select", { id, onchange: () => tell("faults", { [one.name]: Number(input.value) }) }, ...one.choices.map(([value, label]) => element("option", { value }, label)))
      : element("input", { type: "checkbox", id, onchange: () => tell("faults", { [one.name]: input.checked }) });
    one.input = input;
    return element("div", { className: "switch" }, element("label", { for: id }, one.label), input);
  }

  async allWell() {
    await tell("faults", ALL_WELL);
    this.refresh();
  }

  async refresh() {
    const faults = await ask("faults");
    for (const one of SWITCHES) {
      if (one.choices) one.input.value = faults[one.name];
      else one.input.checked = faults[one.name];
    }
    this.node.classList.toggle("troubled", SWITCHES.some((one) => faults[one.name] !== ALL_WELL[one.name]));
  }

  showTime(now) {
    this.time.textContent = `${day(now)} ${clock(now, { second: "2-digit" })}`;
  }
}
