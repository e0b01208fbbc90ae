/* Scenarios: data that the page plays and the tests play too. Each step is a word and what it needs.
 *
 * buyer A            somebody new, on a phone of their own
 * say A text         writes; press A label: presses the newest button with this label; answer A text: the same as say
 * see A text         waits until the bot said so; pay A: pays the newest invoice of A
 * fault {…}          switches; clock minutes: time passes; finish A: the seller makes A's order
 * stock code n       so many units of a product are free; restart: kill -9 of everything; note text: only says something
 */

const WALK = (who, product) => [["say", who, "/start"], ["press", who, "Semua produk"], ["press", who, product], ["press", who, "Beli sekarang"], ["press", who, "QRIS"], ["see", who, "Bayar sebelum"]];

export const SCENARIOS = [
  {
    id: "happy", title: "Jualan lancar", about: "Pilih, bayar QRIS, barang dan SNK sampai.",
    steps: [["stock", "spotify", 20], ["buyer", "A"], ...WALK("A", "Spotify Premium"), ["pay", "A"], ["see", "A", "Ini barangnya"], ["see", "A", "SNK Spotify Premium"]],
  },
  {
    id: "last-unit", title: "Stok terakhir", about: "Dua pembeli, satu barang: satu dapat, satu diberi tahu sebelum membayar.",
    steps: [["stock", "canva", 1], ["buyer", "A"], ["buyer", "B"], ["say", "B", "/start"], ["press", "B", "Semua produk"], ["press", "B", "Canva Pro"], ["press", "B", "Beli sekarang"], ...WALK("A", "Canva Pro"), ["press", "B", "QRIS"], ["see", "B", "barusan habis"], ["pay", "A"], ["see", "A", "Ini barangnya"], ["press", "B", "Kabari saya"], ["stock", "canva", 1], ["see", "B", "ada lagi"]],
  },
  {
    id: "late-payment", title: "Bayar telat", about: "Uang masuk setelah pesanan ditutup: stok masih ada, jadi barangnya tetap dikirim.",
    steps: [["stock", "spotify", 20], ["buyer", "A"], ...WALK("A", "Spotify Premium"), ["clock", 16], ["see", "A", "belum dibayar sampai batas waktu"], ["pay", "A"], ["see", "A", "masuk setelah batas waktu"], ["see", "A", "Ini barangnya"]],
  },
  {
    id: "webhook-lost", title: "Webhook hilang", about: "Kabar dari gateway tidak pernah datang: tombol Cek pembayaran tetap menemukannya.",
    steps: [["stock", "spotify", 20], ["fault", { webhook_lost: true }], ["buyer", "A"], ...WALK("A", "Spotify Premium"), ["pay", "A"], ["note", "Tidak ada webhook. Pembeli menekan Cek pembayaran."], ["press", "A", "Cek pembayaran"], ["see", "A", "Ini barangnya"]],
  },
  {
    id: "telegram-down", title: "Telegram mati", about: "Dibayar saat Telegram mati: barang menunggu di antrean, lalu terkirim sendiri.",
    steps: [["stock", "spotify", 20], ["buyer", "A"], ...WALK("A", "Spotify Premium"), ["fault", { telegram_down: true }], ["pay", "A"], ["wait", 0.8], ["unseen", "A", "Ini barangnya"], ["fault", { telegram_down: false }], ["see", "A", "Ini barangnya"]],
  },
  {
    id: "restart", title: "Mati di tengah jalan", about: "Semua proses dimatikan paksa saat pembayaran masuk: pesanan lanjut sendiri.",
    steps: [["stock", "spotify", 20], ["buyer", "A"], ...WALK("A", "Spotify Premium"), ["restart"], ["pay", "A"], ["see", "A", "Ini barangnya"]],
  },
  {
    id: "by-hand", title: "Diproses manual", about: "Pertanyaan saat checkout, dibayar, lalu penjual menekan Selesai.",
    steps: [["buyer", "A"], ["say", "A", "/start"], ["press", "A", "Semua produk"], ["press", "A", "Mobile Legends"], ["press", "A", "Beli sekarang"], ["see", "A", "Berapa ID"], ["answer", "A", "12345678"], ["see", "A", "nomor server"], ["answer", "A", "1234"], ["press", "A", "QRIS"], ["see", "A", "Bayar sebelum"], ["pay", "A"], ["see", "A", "diproses manual"], ["finish", "A"], ["see", "A", "selesai dikerjakan"]],
  },
  {
    id: "renewal", title: "Akun bersama & perpanjang", about: "Beli slot, diingatkan sebelum habis, perpanjang, akunnya tetap sama.",
    steps: [["buyer", "A"], ...WALK("A", "Netflix Premium"), ["pay", "A"], ["see", "A", "Berlaku sampai"], ["wait", 4], ["clock", 39_600], ["clock", 1_440], ["see", "A", "Perpanjang sebelum itu"], ["press", "A", "Perpanjang"], ["press", "A", "QRIS"], ["see", "A", "Bayar sebelum"], ["pay", "A"], ["see", "A", "akunnya tetap yang sama"]],
  },
];
