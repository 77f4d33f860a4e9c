// Draws what each trigger measured: its limit, where it was in breach, and what was decided and moved, on one time axis.
"use strict";
(() => {
  const HEIGHT = 190;
  const KINDS = { decision: "⚡", release: "▣", move: "●" };
  const drawn = new Map();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

  function told(value, isShare) {
    if (value == null) return "nothing";
    return isShare ? `${(value * 100).toPrecision(3).replace(/\.?0+$/, "")}%` : `${+value.toPrecision(4)}`;
  }

  // Bands behind the line while the trigger was in breach or blind; marks of decisions and moves on top of it.
  function bands(plot, data) {
    const { ctx, bbox } = plot;
    const tones = { breach: style("--alarm"), source_error: style("--warn"), stale: style("--warn") };
    ctx.save();
    ctx.globalAlpha = 0.13;
    data.at.forEach((at, index) => {
      const tone = tones[data.verdict[index]];
      if (!tone) return;
      const from = plot.valToPos(at, "x", true);
      const to = index + 1 < data.at.length ? plot.valToPos(data.at[index + 1], "x", true) : bbox.left + bbox.width;
      ctx.fillStyle = tone;
      ctx.fillRect(from, bbox.top, Math.max(to - from, 2), bbox.height);
    });
    ctx.restore();
  }

  function marks(plot, data) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px sans-serif`;
    ctx.textAlign = "center";
    data.marks.forEach((mark, index) => {
      const x = plot.valToPos(mark.at, "x", true);
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
      ctx.strokeStyle = ctx.fillStyle = style(mark.kind === "decision" ? "--alarm" : mark.kind === "release" ? "--review" : "--ink-soft");
      ctx.setLineDash(mark.kind === "decision" ? [] : [3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(`${index + 1}`, x, bbox.top - 4 * ratio);
    });
    ctx.restore();
  }

  function tip(plot, data, box) {
    const index = plot.cursor.idx;
    if (index == null) { box.textContent = ""; return; }
    box.textContent = `${clock.format(data.at[index] * 1000)}: ${data.sentence?.[index] ?? `${told(data.measured[index], data.is_share)} of ${told(data.lines[index], data.is_share)}, ${data.verdict[index]}`}`;
    const left = plot.cursor.left > plot.over.clientWidth / 2 ? plot.cursor.left - box.offsetWidth - 12 : plot.cursor.left + 12;
    box.style.left = `${Math.max(0, left)}px`;
    box.style.top = "8px";
  }

  function options(figure, data, box) {
    const soft = style("--ink-soft");
    const grid = { stroke: style("--line"), width: 1 };
    const axis = { stroke: soft, grid, ticks: { show: false }, font: "11px Inter, sans-serif" };
    return {
      width: figure.clientWidth, height: HEIGHT, padding: [16, 34, 0, 0],
      cursor: { sync: { key: "triggers" }, points: { size: 7 }, y: false },
      scales: { y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, data.limit ?? 0) * 1.25 || 1] } },
      axes: [{ ...axis, size: 28, space: 90, values: (_plot, ticks) => ticks.map((tick) => clock.format(tick * 1000)) }, { ...axis, size: 52, values: (_plot, ticks) => ticks.map((tick) => told(tick, data.is_share)) }],
      series: [{}, { stroke: style("--accent"), width: 2, spanGaps: false, points: { show: data.at.length < 60, size: 5, fill: style("--accent") } },
        { stroke: style("--alarm"), width: 1.5, dash: [6, 4], points: { show: false } }],
      hooks: { drawAxes: [(plot) => bands(plot, data)], draw: [(plot) => marks(plot, data)], setCursor: [(plot) => tip(plot, data, box)] },
    };
  }

  function legend(data) {
    const list = document.createElement("ul");
    const say = (mark, text) => {
      const item = document.createElement("li");
      const sign = document.createElement("b");
      sign.textContent = mark;
      item.append(sign, ` ${text}`);
      list.append(item);
    };
    say("—", "measured");
    if (data.limit != null) say("- -", `limit ${told(data.limit, data.is_share)}`);
    data.marks.forEach((mark, index) => say(`${index + 1} ${KINDS[mark.kind] ?? ""}`, `${mark.what}, ${clock.format(mark.at * 1000)}`));
    return list;
  }

  function draw(figure, data) {
    drawn.get(figure)?.plot?.destroy();
    figure.replaceChildren();
    if (!data.at.length) {
      const none = document.createElement("p");
      none.className = "none";
      none.textContent = "No reading yet";
      figure.append(none);
      return;
    }
    const box = document.createElement("p");
    box.className = "tip";
    const limit = data.lines ?? data.at.map(() => data.limit ?? null);
    const plot = new uPlot(options(figure, data, box), [data.at, data.measured, limit], figure);
    plot.over.append(box);
    figure.append(legend(data));
    drawn.set(figure, { plot, data });
  }

  async function load(figure) {
    const answer = await fetch(figure.dataset.chart, { cache: "no-store" });
    if (!answer.ok) return;
    const data = await answer.json();
    if (JSON.stringify(data) !== JSON.stringify(drawn.get(figure)?.data)) draw(figure, data);
  }

  // A back-test brings its numbers with it; what a trigger measured is asked for.
  function all() {
    document.querySelectorAll("[data-chart]").forEach((figure) => load(figure).catch(() => {}));
    document.querySelectorAll("[data-drawn]").forEach((figure) => { if (!drawn.has(figure)) draw(figure, JSON.parse(figure.dataset.drawn)); });
  }
  const again = () => { for (const [figure, { data }] of drawn) if (figure.isConnected) draw(figure, data); };
  all();
  document.addEventListener("htmx:after:swap", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
})();
