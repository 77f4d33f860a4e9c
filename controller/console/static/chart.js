// Draws what each trigger compared with which limit, over which times it looked, and what was decided and moved: on one time axis.
"use strict";
(() => {
  const HEIGHT = 216;
  const MARKS = 12; // Where the shapes stand above the plot, and the brackets of what was looked at below them.
  const BRACKETS = [22, 30];
  const CROWDED = 15;
  const KINDS = { decision: "decision", release: "release", move: "change" };
  const TONES = { decision: "--alarm", release: "--review", move: "--ink-soft" };
  const LINES = {
    measured: { tone: "--accent", width: 2, dash: [] },
    beside: { tone: "--review", width: 2, dash: [2, 3] },
    warning: { tone: "--warn", width: 1.5, dash: [10, 3, 2, 3] },
    limit: { tone: "--alarm", width: 1.5, dash: [6, 4] },
  };
  const SVG = "http://www.w3.org/2000/svg";
  const drawn = new Map();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const DAY = 86400;
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const clock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

  function told(value, unit) {
    if (value == null) return "nothing";
    const shortly = (number) => new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(number);
    if (unit === "share") return `${shortly(value * 100)}%`;
    if (unit === "limit") return `${shortly(value * 100)}% of the limit`;
    if (unit === "times") return `${shortly(value)}×`;
    if (unit === "evidence") return `${value.toFixed(1)}`;
    return unit ? `${shortly(value)} ${unit}` : shortly(value);
  }
  const onAxis = (value, unit) => told(value, unit).replace(" of the limit", "");

  // A day where the axis counts in days or a day begins, otherwise the time of day.
  function onTimeAxis(tick, step) {
    const at = new Date(tick * 1000);
    return step >= DAY || (at.getHours() === 0 && at.getMinutes() === 0) ? day.format(at) : hour.format(at);
  }

  // A state behind the line while the trigger was in breach or saw nothing; blind times are hatched, so that colour is not alone.
  function bands(plot, data) {
    const { ctx, bbox } = plot;
    const tones = { breach: style("--alarm"), source_error: style("--warn"), stale: style("--warn") };
    ctx.save();
    data.at.forEach((at, index) => {
      const tone = tones[data.verdict[index]];
      if (!tone) return;
      const from = plot.valToPos(at, "x", true);
      const to = index + 1 < data.at.length ? plot.valToPos(data.at[index + 1], "x", true) : bbox.left + bbox.width;
      const width = Math.max(to - from, 2);
      ctx.fillStyle = tone;
      ctx.globalAlpha = 0.13;
      ctx.fillRect(from, bbox.top, width, bbox.height);
      ctx.globalAlpha = 0.5;
      if (data.verdict[index] === "breach") ctx.fillRect(from, bbox.top + bbox.height - 3 * devicePixelRatio, width, 3 * devicePixelRatio);
      else hatch(ctx, from, bbox.top, width, bbox.height, tone);
    });
    ctx.restore();
  }

  function hatch(ctx, left, top, width, height, tone) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.strokeStyle = tone;
    ctx.globalAlpha = 0.25;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    const step = 8 * devicePixelRatio;
    for (let x = Math.floor((left - height) / step) * step; x < left + width; x += step) { ctx.moveTo(x, top + height); ctx.lineTo(x + height, top); }
    ctx.stroke();
    ctx.restore();
  }

  // A triangle is a decision, a square a release, a circle another change; each has the number under which it is listed.
  function shape(ctx, kind, x, y) {
    const size = 4.5 * devicePixelRatio;
    ctx.beginPath();
    if (kind === "decision") { ctx.moveTo(x, y + size); ctx.lineTo(x - size, y - size); ctx.lineTo(x + size, y - size); ctx.closePath(); }
    else if (kind === "release") ctx.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
    else ctx.arc(x, y, size * 0.9, 0, 2 * Math.PI);
    ctx.fill();
  }

  function marks(plot, data) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `600 ${10 * ratio}px Inter, sans-serif`;
    ctx.textBaseline = "middle";
    let free = -Infinity;
    data.marks.map((mark, index) => ({ ...mark, number: index + 1 })).sort((one, other) => one.at - other.at).forEach((mark) => {
      const x = plot.valToPos(mark.at, "x", true);
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
      ctx.strokeStyle = ctx.fillStyle = style(TONES[mark.kind]);
      ctx.lineWidth = ratio;
      ctx.globalAlpha = 0.7;
      ctx.setLineDash(mark.kind === "decision" ? [] : [3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      shape(ctx, mark.kind, x, MARKS * ratio);
      if (x < free) return;
      ctx.fillText(`${mark.number}`, x + 7 * ratio, MARKS * ratio);
      free = x + CROWDED * ratio;
    });
    ctx.restore();
  }

  // What the newest reading and each decision looked at, as brackets above the plot: one row for each of its windows.
  function brackets(plot, data) {
    if (!data.spans) return;
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const of = (at) => data.spans[data.at.indexOf(at)] ?? [];
    const shown = [...data.marks.filter((mark) => mark.kind === "decision").map((mark) => of(mark.at)), data.spans.at(-1) ?? []];
    ctx.save();
    ctx.strokeStyle = style("--ink-soft");
    ctx.lineWidth = 1.25 * ratio;
    shown.forEach((spans, number) => spans.slice(0, BRACKETS.length).forEach(([start, end], row) => {
      const y = BRACKETS[row] * ratio;
      const from = Math.max(plot.valToPos(start, "x", true), bbox.left);
      const to = Math.max(Math.min(plot.valToPos(end, "x", true), bbox.left + bbox.width), from + 2 * ratio);
      ctx.globalAlpha = number === shown.length - 1 ? 1 : 0.45;
      ctx.beginPath();
      ctx.moveTo(from, y);
      ctx.lineTo(to, y);
      if (from > bbox.left) { ctx.moveTo(from, y - 3 * ratio); ctx.lineTo(from, y + 3 * ratio); }
      ctx.moveTo(to, y - 3 * ratio);
      ctx.lineTo(to, y + 3 * ratio);
      ctx.stroke();
    }));
    ctx.restore();
  }

  function tip(plot, data, box, looked) {
    const index = plot.cursor.idx;
    looked.hidden = index == null || !data.spans;
    if (index == null) { box.textContent = ""; return; }
    const values = data.curves.map((curve) => `${curve.label} ${told(curve.values[index], data.unit)}`).join(", ");
    const span = data.spans?.[index]?.[0];
    box.textContent = `${clock.format(data.at[index] * 1000)}: ${data.sentence?.[index] ?? values}`;
    if (span) {
      box.textContent += `. Looked at ${clock.format(span[0] * 1000)} to ${clock.format(span[1] * 1000)}.`;
      const from = Math.max(0, plot.valToPos(span[0], "x"));
      looked.style.left = `${from}px`;
      looked.style.width = `${Math.max(1, Math.min(plot.valToPos(span[1], "x"), plot.over.clientWidth) - from)}px`;
    }
    const left = plot.cursor.left > plot.over.clientWidth / 2 ? plot.cursor.left - box.offsetWidth - 12 : plot.cursor.left + 12;
    box.style.left = `${Math.max(0, left)}px`;
    box.style.top = "8px";
  }

  function options(place, data, box, looked) {
    const grid = { stroke: style("--line"), width: 1 };
    const axis = { stroke: style("--ink-soft"), grid, ticks: { show: false }, font: "11px Inter, sans-serif" };
    const few = data.at.length < 60;
    const line = ({ role }) => {
      const { tone, width, dash } = LINES[role];
      return { stroke: style(tone), width, dash, spanGaps: role === "limit" || role === "warning", points: { show: few && role === "measured", size: 5, fill: style(tone) } };
    };
    return {
      width: place.clientWidth, height: HEIGHT, padding: [38, 26, 0, 0],
      cursor: { sync: { key: "triggers" }, points: { size: 7 }, y: false },
      scales: { y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), (high ?? 0) * 1.15 || 1] } },
      axes: [{ ...axis, size: 26, space: 70, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => onTimeAxis(tick, step)) }, { ...axis, size: 58, values: (_plot, ticks) => ticks.map((tick) => onAxis(tick, data.unit)) }],
      series: [{}, ...data.curves.map(line)],
      hooks: { drawAxes: [(plot) => bands(plot, data)], draw: [(plot) => { brackets(plot, data); marks(plot, data); }], setCursor: [(plot) => tip(plot, data, box, looked)] },
    };
  }

  function made(name, className, text = "") {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.textContent = text;
    return element;
  }

  function sample(role) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 4");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", "M0 2h24");
    path.setAttribute("stroke-dasharray", LINES[role].dash.join(" "));
    svg.setAttribute("class", role);
    svg.append(path);
    return svg;
  }

  function key(data) {
    const list = made("ul", "key");
    for (const curve of data.curves) {
      const item = made("li", "");
      const isFixed = (curve.role === "limit" || curve.role === "warning") && data.unit !== "limit";
      const value = isFixed ? ` ${told(curve.values.findLast((each) => each != null), data.unit)}` : "";
      item.append(sample(curve.role), `${curve.label}${value}`);
      list.append(item);
    }
    if (data.spans) list.append(made("li", "", "⊢⊣ looked at"));
    return list;
  }

  function listed(data) {
    const box = made("details", "marks");
    const count = data.marks.length;
    box.append(made("summary", "", count ? `${count} ${count > 1 ? "decisions and changes" : "decision or change"}` : "No decision or change in this time"));
    const list = made("ol", "");
    data.marks.forEach((mark, index) => {
      const item = made("li", "");
      item.append(made("b", mark.kind, `${index + 1} ${KINDS[mark.kind]}`), ` ${mark.what}, ${clock.format(mark.at * 1000)}`);
      list.append(item);
    });
    box.append(list);
    return box;
  }

  function inWords(figure, data) {
    const newest = data.curves.map((curve) => `${curve.label} ${told(curve.values.findLast((each) => each != null), data.unit)}`).join(", ");
    return `${figure.dataset.title}, from ${clock.format(data.at[0] * 1000)} to ${clock.format(data.at.at(-1) * 1000)}. Newest: ${newest}.`;
  }

  function draw(figure, data) {
    const open = figure.querySelector("details.marks")?.open;
    drawn.get(figure)?.plot?.destroy();
    figure.replaceChildren();
    if (!data.at.length) return void figure.append(made("p", "none", "No reading yet"));
    const place = made("div", "plot");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", inWords(figure, data));
    const list = listed(data);
    list.open = open ?? false;
    figure.append(place, key(data), list);
    const box = made("p", "tip");
    const looked = made("div", "looked");
    const plot = new uPlot(options(place, data, box, looked), [data.at, ...data.curves.map((curve) => curve.values)], place);
    plot.over.append(looked, box);
    drawn.set(figure, { plot, data });
  }

  async function load(figure) {
    const answer = await fetch(figure.dataset.chart, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const data = await answer.json();
    if (JSON.stringify(data) !== JSON.stringify(drawn.get(figure)?.data)) draw(figure, data);
  }
  // What is drawn already stays; where nothing is yet, it is said.
  function failed(figure) {
    if (!drawn.has(figure)) figure.replaceChildren(made("p", "none", "The readings could not be fetched; they are asked for again with the next one."));
  }

  // A back-test brings its numbers with it; what a trigger measured is asked for.
  function all() {
    document.querySelectorAll("[data-chart]").forEach((figure) => load(figure).catch(() => failed(figure)));
    document.querySelectorAll("[data-drawn]").forEach((figure) => { if (!drawn.has(figure)) draw(figure, JSON.parse(figure.dataset.drawn)); });
  }
  const again = () => { for (const [figure, { data }] of drawn) if (figure.isConnected) draw(figure, data); else drawn.delete(figure); };
  all();
  document.addEventListener("htmx:after:swap", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
})();
