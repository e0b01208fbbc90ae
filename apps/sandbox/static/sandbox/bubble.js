/* One message as a bubble. Only Telegram's own formatting survives; everything else becomes text. */

import { API, clock, element } from "./shared.js";

const KEPT_TAGS = { B: "b", STRONG: "b", I: "i", EM: "i", U: "u", S: "s", CODE: "code", PRE: "pre", BLOCKQUOTE: "blockquote" };

function formatted(html, copied) {
  const box = element("div", { className: "text" });
  const copy = (node, target) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) target.append(child.data);
      else if (KEPT_TAGS[child.tagName]) {
        const made = element(KEPT_TAGS[child.tagName]);
        copy(child, made);
        if (child.tagName === "CODE") copyable(made, copied);
        target.append(made);
      } else copy(child, target);
    }
  };
  copy(new DOMParser().parseFromString(html, "text/html").body, box);
  return box;
}

/* A tap copies, as on the phone; by keyboard too. */
function copyable(code, copied) {
  code.title = "Tekan untuk menyalin";
  code.tabIndex = 0;
  code.setAttribute("role", "button");
  const copy = async () => {
    if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent);
    copied("Disalin");
  };
  code.addEventListener("click", copy);
  code.addEventListener("keydown", (event) => event.key === "Enter" && copy());
}

/* The picture that can be paid: it opens the gateway's page with this order. */
function scanLink(message) {
  const order = message.photo && /AO-[A-Z0-9]+/.exec(message.text || "");
  if (!order || !message.keyboard || !message.keyboard.length) return null;
  return element("a", { href: "/sandbox/gateway/?order=" + order[0], className: "scan", target: "_blank", rel: "noopener" }, "📷 Pindai QR ini");
}

function attachment(message, loaded) {
  if (message.photo) {
    const ours = message.from === "bot" ? "Gambar dari toko" : "Gambar dari pembeli";
    return element("img", { src: new URL("file/" + message.photo, API), alt: ours, onload: loaded });
  }
  if (!message.document) return null;
  const url = new URL("file/" + message.document, API);
  return element("a", { href: url, download: message.document_name, className: "document" }, "📄 " + message.document_name);
}

/* `on`: press(node, message, button), copied(text), loaded(). */
export function bubble(message, on) {
  const item = element("li", { className: message.from, "data-id": message.message_id });
  item.append(...[attachment(message, on.loaded)].filter(Boolean));
  if (message.text) item.append(message.html ? formatted(message.text, on.copied) : element("div", { className: "text" }, message.text));
  item.append(...[scanLink(message)].filter(Boolean));
  const meta = [message.edited ? "diedit " : "", clock(message.date)];
  if (message.from !== "bot") meta.push(element("span", { className: "ticks", title: message.read ? "diterima toko" : "terkirim" }, message.read ? " ✓✓" : " ✓"));
  item.append(element("time", {}, ...meta));
  for (const row of message.keyboard || []) {
    const line = element("div", { className: "row" });
    for (const button of row) {
      line.append(element("button", { type: "button", onclick: (event) => on.press(event.currentTarget, message, button) }, button.text));
    }
    item.append(line);
  }
  return item;
}
