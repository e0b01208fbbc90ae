"use strict";

const list = document.getElementById("transactions");
const form = document.getElementById("faults");
const wanted = new URLSearchParams(location.search).get("order");
const LABELS = { pending: "menunggu", completed: "lunas", canceled: "dibatalkan" };
const FAULTS = {
  webhook_lost: "Kabar pembayaran hilang (webhook)",
  gateway_down: "Gateway mati",
  gateway_refuses_key: "Gateway menolak kunci",
  telegram_down: "Telegram mati",
  telegram_500: "Telegram menjawab 500",
};

function draw(rows) {
  const now = JSON.stringify(rows);
  if (list.dataset.drawn === now) return;
  list.dataset.drawn = now;
  list.replaceChildren();
  for (const row of rows.slice().reverse()) {
    const item = element("li", { className: row.order_id === wanted ? "wanted" : "" });
    item.append(element("b", {}, row.order_id), " ", rupiah(row.total_payment), " ", element("span", { className: "state " + row.status }, LABELS[row.status] || row.status));
    if (row.status !== "completed") {
      item.append(element("button", { type: "button", "data-order": row.order_id, onclick: () => tell("pay", { txn_id: row.txn_id }).then(refresh) }, "Bayar"));
    }
    list.append(item);
  }
  if (!rows.length) list.append(element("li", {}, "Belum ada tagihan. Beli sesuatu dulu di halaman Chat."));
}

async function refresh() {
  try {
    draw((await ask("transactions")).transactions);
  } catch {
    /* the next round tries again */
  }
}

async function drawFaults() {
  const faults = await ask("faults");
  form.replaceChildren();
  for (const [name, label] of Object.entries(FAULTS)) {
    const box = element("input", { type: "checkbox", id: name });
    box.checked = faults[name];
    box.addEventListener("change", () => tell("faults", { [name]: box.checked }));
    form.append(element("div", {}, box, element("label", { for: name }, " " + label)));
  }
}

setInterval(refresh, 1000);
refresh();
drawFaults();
