// Tells times in the viewer's zone, and lets an open page follow what happens. Without it a page is as old as its last reload.
"use strict";
(() => {
  const EVERY_MS = 700;
  const PATIENCE_MS = 10000;
  const body = document.body;
  const lost = document.getElementById("lost");
  const ahead = Date.parse(body.dataset.now) - Date.now(); // The server's clock is the one that counts.
  const exact = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const older = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const second = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const toTheSecond = new Intl.DateTimeFormat(undefined, second);
  const olderToTheSecond = new Intl.DateTimeFormat(undefined, { ...second, year: "numeric" });
  let seen = body.dataset.seen ?? "";
  let asking = false;
  const PROJECTS = 0; // The first part of a state's name counts what is recorded.
  const part = (name, number) => name.split("-")[number];

  function span(minutes) {
    if (minutes < 60) return `${minutes} min`;
    return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
  }

  function told(instant, how) {
    const minutes = Math.floor((Date.now() + ahead - instant) / 60000);
    if (how === "lasting") return minutes < 1 ? "for a moment" : `for ${span(minutes)}`;
    if (how === "ago") return minutes < 1 ? "just now" : `${span(minutes)} ago`;
    if (how === "ahead") return minutes >= 0 ? "now" : `in ${span(-minutes)}`;
    const isNear = Math.abs(minutes) < 300 * 1440;
    if (how === "instant") return (isNear ? toTheSecond : olderToTheSecond).format(instant);
    return (isNear ? exact : older).format(instant);
  }

  function tellTimes() {
    for (const time of document.querySelectorAll("time")) {
      const text = told(Date.parse(time.dateTime), time.dataset.told);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // The server names the state that a page shows; when it names another one, the parts that say so fetch themselves anew.
  async function ask() {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(body.dataset.live, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 401) return location.reload(); // Signed out: the page itself leads to the form.
      lost.textContent = answer.ok ? "" : "Headgate has trouble answering; this is what was last known.";
      if (!answer.ok) return;
      const now = await answer.text();
      if (now !== seen) {
        htmx.trigger(body, "moved");
        // Where somebody reads or fills in a form, the page does not move under them.
        const news = document.getElementById("news");
        if (news && part(now, PROJECTS) !== part(seen, PROJECTS)) news.hidden = false;
      }
      seen = now;
    } catch {
      lost.textContent = "Connection lost; this is what was last known.";
    } finally {
      asking = false;
    }
  }

  const zones = document.getElementById("zone");
  if (zones) {
    const own = exact.resolvedOptions().timeZone;
    const option = [...zones.options].find((each) => each.value === own) ?? zones.appendChild(new Option(own, own));
    if (zones.dataset.ownZone === "chosen") option.selected = true;
  }

  // Whoever sent something wrong begins where it is, also where the address leads to another spot of the page.
  const wrong = document.querySelector("main [aria-invalid=true]");
  wrong?.focus();
  if (location.hash) addEventListener("load", () => setTimeout(() => wrong?.focus()));
  tellTimes();
  setInterval(tellTimes, 10000);
  document.addEventListener("htmx:after:swap", tellTimes);
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    const copied = event.target.closest("[data-copies]");
    if (copied) navigator.clipboard.writeText(document.getElementById(copied.dataset.copies).textContent).then(() => { copied.textContent = "Copied"; });
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement?.closest("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  if (!body.dataset.live) return;
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask);
})();
