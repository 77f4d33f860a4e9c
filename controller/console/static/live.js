// Keeps the board current. Without this script the page is the same, only as old as its last reload.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const PATIENCE_MS = 10000;
  const PARTS = ["health", "attention", "board"];
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const ahead = Date.parse(live.dataset.now) - Date.now(); // The server's clock is the one that counts.
  const shown = {};
  let etag = "";
  let asking = false;

  function span(minutes) {
    if (minutes < 60) return `${minutes} min`;
    return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
  }

  function told(instant, lasting) {
    const minutes = Math.floor((Date.now() + ahead - instant) / 60000);
    if (minutes < 1) return lasting ? "for a moment" : "just now";
    return lasting ? `for ${span(minutes)}` : `${span(minutes)} ago`;
  }

  function tellTimes(root) {
    for (const time of root.querySelectorAll("time")) {
      const text = told(Date.parse(time.dateTime), "lasting" in time.dataset);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function swap(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const focused = document.activeElement?.id;
    const scrolled = document.getElementById("changes-list")?.scrollTop;
    for (const id of PARTS) {
      const part = fresh.getElementById(id);
      if (part.innerHTML === shown[id]) continue;
      shown[id] = part.innerHTML;
      tellTimes(part);
      document.getElementById(id).replaceChildren(...part.childNodes);
    }
    if (scrolled) document.getElementById("changes-list")?.scrollTo(0, scrolled);
    if (focused && document.activeElement?.id !== focused) {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
  }

  async function ask() {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch(live.dataset.from, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 401) return location.reload(); // Signed out: the page itself leads to the form.
      if (answer.status === 200) {
        swap(await answer.text());
        etag = answer.headers.get("ETag") ?? "";
      }
      const fine = answer.ok || answer.status === 304;
      lost.textContent = fine ? "" : "Headgate has trouble answering; this is what was last known.";
    } catch {
      lost.textContent = "Connection lost; this is what was last known.";
    } finally {
      asking = false;
    }
  }

  for (const id of PARTS) shown[id] = document.getElementById(id).innerHTML;
  tellTimes(document);
  setInterval(ask, EVERY_MS);
  setInterval(() => tellTimes(document), 10000);
  document.addEventListener("visibilitychange", ask);
  document.addEventListener("click", (event) => {
    const menu = document.getElementById("switch");
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
})();
