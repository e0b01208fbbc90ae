/* What happens inside the shop for one buyer, with times, so that one sees the design. */

import { clock, element, look, tell } from "./shared.js";

export class Inside {
  constructor(node) {
    this.title = element("h2", {}, "Di dalam toko");
    this.list = element("ol", { className: "steps" });
    node.replaceChildren(this.title, element("p", {}, "Setiap langkah adalah satu baris di database. Kalau proses mati, baris itu yang melanjutkan."), this.list);
    this.drawn = "";
  }

  /* Returns the shop's clock, or nothing while it restarts. `fakesAhead`: seconds, as the fakes told. */
  async refresh(user, fakesAhead) {
    const story = await look(user.id);
    if (fakesAhead !== undefined && fakesAhead !== story.ahead) await tell("faults", { clock_ahead: story.ahead });
    this.draw(user, story);
    return story.now;
  }

  draw(user, story) {
    const now = JSON.stringify([user.id, story.steps, story.state]);
    if (now === this.drawn) return;
    this.drawn = now;
    this.title.textContent = story.order ? `${user.name} · ${story.order} · ${story.state}` : `${user.name} · belum ada pesanan`;
    let before = 0;
    this.list.replaceChildren(...story.steps.map((step) => {
      const gap = before ? since(step.at - before) : "";
      before = step.at;
      return element("li", {}, element("span", { className: "at" }, clock(step.at, { second: "2-digit", fractionalSecondDigits: 3 })), element("b", {}, step.where), " ", step.what, step.more ? element("small", {}, " " + step.more) : null, element("span", { className: "gap" }, gap));
    }));
    this.list.lastElementChild?.scrollIntoView({ block: "nearest" });
  }
}

function since(seconds) {
  if (seconds < 1) return `+${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `+${seconds.toFixed(1).replace(".", ",")} dtk`;
  return `+${Math.round(seconds / 60)} mnt`;
}
