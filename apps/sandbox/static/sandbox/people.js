/* The list of buyers: who has something unread, and what stands last. */

import { element } from "./shared.js";

export class People {
  /* `on`: choose(user), beside(user), add(). */
  constructor(node, on) {
    this.node = node;
    this.on = on;
    this.seen = JSON.parse(sessionStorage.getItem("seen") || "{}");
    this.drawn = "";
  }

  /* `open`: ids on a phone now; what arrives there is read. */
  update(users, open) {
    for (const user of users) if (open.includes(user.id)) this.seen[user.id] = user.last;
    sessionStorage.setItem("seen", JSON.stringify(this.seen));
    const now = JSON.stringify([users, open]);
    if (now === this.drawn) return;
    this.drawn = now;
    const focused = document.activeElement && document.activeElement.dataset.who;
    this.node.replaceChildren(...users.map((user) => this.entry(user, open)), element("button", { type: "button", className: "add", "data-who": "add", onclick: () => this.on.add() }, "+ Pembeli baru"));
    const again = focused && this.node.querySelector(`[data-who="${focused}"]`);
    if (again) again.focus();
  }

  entry(user, open) {
    const isOpen = open.includes(user.id);
    const unread = user.recent.filter((id) => id > (this.seen[user.id] || 0)).length;
    const badge = unread && !isOpen ? element("span", { className: "unread" }, String(unread), element("span", { className: "hidden" }, " belum dibaca")) : null;
    const choose = element("button", { type: "button", className: "person", "data-who": user.id, "aria-current": isOpen ? "true" : undefined, onclick: () => this.on.choose(user) },
      element("span", { className: "name" }, user.name), badge, element("small", {}, user.preview || "belum pernah menyapa"));
    const beside = isOpen ? null : element("button", { type: "button", className: "beside", "data-who": "b" + user.id, title: "Buka di samping", "aria-label": `Buka ${user.name} di samping`, onclick: () => this.on.beside(user) }, "◫");
    return element("div", { className: "entry" }, choose, beside);
  }
}
