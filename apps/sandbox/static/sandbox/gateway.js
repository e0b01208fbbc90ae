/* The gateway's page: somebody's bank app. */

import { ask, clock, element, rupiah, tell } from "./shared.js";
import { Switches } from "./switches.js";

const wanted = new URLSearchParams(location.search).get("order");
const list = document.getElementById("transactions");
const bill = document.getElementById("bill");
const LABELS = { pending: "menunggu", completed: "lunas", canceled: "dibatalkan" };
const switches = new Switches(document.getElementById("switches"));
let drawn = "";

const pay = (row, amount) => tell("pay", { txn_id: row.txn_id, amount }).then(refresh);

function payButton(row, label) {
  return element("button", { type: "button", "data-order": row.order_id, onclick: () => pay(row) }, label);
}

/* The QR that was scanned, as a bank app asks before it pays. */
function drawBill(row) {
  bill.hidden = !row;
  if (!row) return;
  const paid = row.status === "completed";
  const other = element("input", { type: "number", min: "1", value: row.amount, "aria-label": "Nominal lain (rupiah)", id: "other-amount" });
  bill.replaceChildren(
    element("p", { className: "merchant" }, document.body.dataset.store), element("p", {}, row.order_id),
    element("p", { className: "amount" }, rupiah(row.total_payment)),
    paid ? element("p", { className: "state completed" }, "✓ Pembayaran berhasil. Kembali ke chat ya.") : payButton(row, `Bayar ${rupiah(row.total_payment)}`),
    paid ? "" : element("details", {}, element("summary", {}, "Bayar nominal lain"), other, " ", element("button", { type: "button", onclick: () => pay(row, Number(other.value)) }, "Bayar nominal ini")));
}

function drawList(rows) {
  list.replaceChildren();
  for (const row of rows.slice().reverse()) {
    const item = element("li", { className: row.order_id === wanted ? "wanted" : "" });
    item.append(element("b", {}, row.order_id), " ", rupiah(row.total_payment), " ", element("span", { className: "state " + row.status }, LABELS[row.status] || row.status), element("small", {}, clock(row.created)));
    if (row.status !== "completed") item.append(payButton(row, "Bayar"));
    list.append(item);
  }
  if (!rows.length) list.append(element("li", {}, "Belum ada tagihan. Beli sesuatu dulu di halaman Chat."));
}

async function refresh() {
  try {
    const rows = (await ask("transactions")).transactions;
    const now = JSON.stringify(rows);
    if (now === drawn || document.activeElement.id === "other-amount") return;
    drawn = now;
    drawBill(rows.find((row) => row.order_id === wanted));
    drawList(rows);
  } catch {
    /* the next round tries again */
  }
}

setInterval(refresh, 1000);
refresh();
switches.refresh();
