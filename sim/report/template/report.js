"use strict";
// The timeline (pan, zoom, follow a sample) and the players of displays. No library, no network; texts only as text.
(() => {
const GUTTER = 178, AXIS = 26, PAD = 10;
const chart = document.getElementById("chart");
const data = JSON.parse(document.getElementById("timeline-data").textContent);
const lanes = chart.querySelector(".lanes"), overview = chart.querySelector(".overview"), tip = chart.querySelector(".tip");
const END = Math.max(data.end, 1);
const marks = data.marks.sort((one, other) => one[0] - other[0] || other[2] - one[2]), strike = marks.find((mark) => mark[2]);
let view = { start: 0, end: END }, hovered = null, pinned = null, colours = {}, width = 0, height = 0, queued = false;

// ---- numbers as people write them
const digits = (value) => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const span = (ns) => ns >= 1e9 ? digits(ns / 1e9) + " s" : ns >= 1e6 ? digits(ns / 1e6) + " ms" : ns >= 1e3 ? digits(ns / 1e3) + " µs" : ns + " ns";
const moment = (ns) => (ns / 1e9).toFixed(6) + " s";
const places = (step) => Math.max(0, -Math.floor(Math.log10(step / 1e9) + 1e-9));

// ---- geometry: every lane gets its place, every tensor a row of its lane
const rowsOf = (lane) => {
  const free = [];
  for (const message of lane.messages) {
    const until = message[3] < 0 ? END : message[3];
    let row = free.findIndex((t) => t <= message[1]);
    if (row < 0) row = free.length < 4 ? free.length : free.indexOf(Math.min(...free));
    free[row] = until;
    message.row = row;
  }
  return Math.max(1, free.length);
};
const layout = () => {
  let y = AXIS, group = null;
  for (const lane of data.lanes) {
    if (lane.kind === "core") lane.height = 26;
    else if (lane.kind === "service") {
      if (lane.group !== group) { y += 8; lane.first = true; group = lane.group; }
      lane.height = 34;
    } else {
      group = null;
      lane.rows = rowsOf(lane);
      lane.bars = 10 * lane.rows + 4;
      lane.height = lane.bars + 26;
    }
    lane.y = y;
    y += lane.height + 6;
  }
  height = y + 6;
};
const x = (ns) => GUTTER + (ns - view.start) / (view.end - view.start) * (width - GUTTER - PAD);
const time = (px) => view.start + (px - GUTTER) / (width - GUTTER - PAD) * (view.end - view.start);
const first = (items, at, ns) => {
  let low = 0, high = items.length;
  while (low < high) { const middle = (low + high) >> 1; if (items[middle][at] < ns) low = middle + 1; else high = middle; }
  return low;
};
const longest = (items, from, to) => items.reduce((most, item) => Math.max(most, (item[to] < 0 ? END : item[to]) - item[from]), 0);

// ---- painting
const readColours = () => {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["text", "soft", "line", "sunk", "card", "bad", "accent", "heat-0", "hue-0", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5"])
    colours[name] = style.getPropertyValue("--" + name).trim();
};
const canvasFor = (canvas, high) => {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = high + "px";
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(high * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, high);
  pen.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  pen.textBaseline = "middle";
  return pen;
};
const niceStep = (target) => {
  const power = 10 ** Math.floor(Math.log10(target));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= target);
};
const clip = (pen, text, most) => {
  if (pen.measureText(text).width <= most) return text;
  while (text.length > 1 && pen.measureText(text + "…").width > most) text = text.slice(0, -1);
  return text + "…";
};
const drawAxis = (pen) => {
  const step = niceStep((view.end - view.start) / Math.max(2, (width - GUTTER) / 110));
  pen.strokeStyle = colours.line;
  pen.fillStyle = colours.soft;
  pen.lineWidth = 1;
  pen.textAlign = "center";
  for (let t = Math.ceil(view.start / step) * step; t <= view.end; t += step) {
    const at = x(t);
    pen.beginPath(); pen.moveTo(at, AXIS - 6); pen.lineTo(at, height); pen.stroke();
    if (at > GUTTER + 16 && at < width - 30) pen.fillText((t / 1e9).toFixed(places(step)) + " s", at, 9);
  }
  pen.textAlign = "left";
  if (data.quantum && x(data.quantum) - x(0) >= 7) {
    pen.globalAlpha = .45;
    for (let t = Math.ceil(view.start / data.quantum) * data.quantum; t <= view.end; t += data.quantum) {
      pen.beginPath(); pen.moveTo(x(t), AXIS); pen.lineTo(x(t), height); pen.stroke();
    }
    pen.globalAlpha = 1;
  }
};
const block = (pen, from, to, y, high, colour, alpha, hollow) => {
  const left = Math.max(x(from), GUTTER - 2), wide = Math.max(Math.min(x(to), width - PAD + 2) - left, .8);
  pen.globalAlpha = alpha;
  if (hollow && wide > 4) {
    pen.strokeStyle = colour; pen.lineWidth = 1.2;
    pen.strokeRect(left + .6, y + .6, wide - 1.2, high - 1.2);
  } else {
    pen.fillStyle = colour;
    if (wide > 5 && pen.roundRect) { pen.beginPath(); pen.roundRect(left, y, wide, high, 2.5); pen.fill(); } else pen.fillRect(left, y, wide, high);
  }
  pen.globalAlpha = 1;
  return wide;
};
const dim = (origin) => { const chosen = pinned ?? hovered; return chosen === null || chosen === origin ? 1 : .2; };
const drawService = (pen, lane) => {
  lane.longest ??= longest(lane.spans, 0, 1);
  for (let i = first(lane.spans, 0, view.start - lane.longest); i < lane.spans.length && lane.spans[i][0] <= view.end; i++) {
    const [start, end, origin] = lane.spans[i];
    const wide = block(pen, start, end, lane.y + 3, lane.height - 8, colours["hue-" + lane.hue], dim(origin));
    if (wide > 46) { pen.fillStyle = colours.card; pen.fillText("#" + origin, Math.max(x(start), GUTTER) + 7, lane.y + lane.height / 2 - 1); }
  }
  const made = lane.inferences ?? [];
  lane.slowest ??= longest(made, 0, 1);
  for (let i = first(made, 0, view.start - lane.slowest); i < made.length && made[i][0] <= view.end; i++)
    block(pen, made[i][0], made[i][1], lane.y + lane.height - 10, 4, colours.text, .7);
};
const drawCore = (pen, lane) => {
  lane.longest ??= longest(lane.slices, 0, 1);
  let column = -1, filled = 0;
  for (let i = first(lane.slices, 0, view.start - lane.longest); i < lane.slices.length && lane.slices[i][0] <= view.end; i++) {
    const [start, stop, who] = lane.slices[i], left = Math.max(x(start), GUTTER), wide = x(stop) - left;
    pen.fillStyle = colours["hue-" + lane.hues[who]];
    // Slices narrower than a pixel share their column from top to bottom, each as much of it as it has of its time.
    if (wide >= 1) { pen.fillRect(left, lane.y + 3, Math.min(wide, width - PAD - left), lane.height - 6); column = -1; continue; }
    if (Math.floor(left) !== column) { column = Math.floor(left); filled = 0; }
    const high = wide * (lane.height - 6);
    if (high > 0) pen.fillRect(column, lane.y + lane.height - 3 - filled - high, 1, high);
    filled += high;
  }
};
const drawMarks = (pen) => {
  let free = GUTTER;
  for (const [at, text, fault] of marks) {
    const px = x(at);
    if (px < GUTTER || px > width - PAD) continue;
    pen.strokeStyle = pen.fillStyle = fault ? colours.bad : colours.soft;
    pen.lineWidth = fault ? 1.6 : 1;
    pen.setLineDash(fault ? [] : [3, 4]);
    pen.beginPath(); pen.moveTo(px, AXIS - 8); pen.lineTo(px, height); pen.stroke();
    pen.setLineDash([]);
    const wide = pen.measureText(text).width;
    if (px >= free && px + wide + 6 < width - PAD) { pen.fillText(text, px + 4, AXIS - 2); free = px + wide + 12; }
  }
};
const drawLevel = (pen, lane, top, base) => {
  const most = Math.max(lane.depth, 1), steps = lane.steps;
  pen.fillStyle = colours["heat-0"];
  pen.globalAlpha = .5;
  let column = -1, peak = 0;
  const flush = () => { if (column >= 0 && peak) pen.fillRect(column, base - (base - top) * Math.min(peak, most * 1.25) / most, 1, (base - top) * Math.min(peak, most * 1.25) / most); };
  for (let i = Math.max(0, first(steps, 0, view.start) - 1); i < steps.length && steps[i][0] <= view.end; i++) {
    const level = steps[i][1], left = Math.max(x(steps[i][0]), GUTTER);
    const right = Math.min(i + 1 < steps.length ? x(steps[i + 1][0]) : x(END), width - PAD);
    if (right - left >= 1) {
      flush(); column = -1; peak = 0;
      const high = (base - top) * Math.min(level, most * 1.25) / most;
      pen.fillRect(Math.round(left), base - high, Math.round(right) - Math.round(left), high);
    } else if (Math.floor(left) === column) peak = Math.max(peak, level);
    else { flush(); column = Math.floor(left); peak = level; }
  }
  flush();
  pen.strokeStyle = colours.soft; pen.lineWidth = 1; pen.setLineDash([2, 5]);
  pen.beginPath(); pen.moveTo(GUTTER, top); pen.lineTo(width - PAD, top); pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
};
const drawChannel = (pen, lane) => {
  lane.longest ??= longest(lane.messages, 1, 3);
  const colour = colours["hue-" + lane.hue];
  drawLevel(pen, lane, lane.y + lane.bars + 6, lane.y + lane.height);
  for (let i = first(lane.messages, 1, view.start - lane.longest); i < lane.messages.length && lane.messages[i][1] <= view.end; i++) {
    const message = lane.messages[i], [, produced, taken, returned, origin, dropped] = message, y = lane.y + 2 + 10 * message.row;
    const end = returned < 0 ? END : returned, until = taken < 0 ? end : taken, alpha = dim(origin);
    block(pen, produced, until, y, 8, dropped ? colours.bad : colour, dropped ? alpha : alpha * .75, !dropped);
    if (taken >= 0) block(pen, taken, end, y, 8, colour, alpha);
    if (dropped) { pen.fillStyle = colours.bad; pen.fillRect(x(produced) - 1, lane.y, 3, lane.bars); }
  }
};
const drawJourney = (pen) => {
  const origin = pinned ?? hovered;
  if (origin === null || origin < 0) return;
  const middle = {};
  for (const lane of data.lanes) if (lane.kind === "service") middle[lane.group + "." + lane.name] = lane.y + lane.height / 2;
  const end = (name) => middle[name.split(".").slice(0, 2).join(".")];
  pen.strokeStyle = colours.text; pen.lineWidth = 1.3; pen.setLineDash([2, 3]);
  for (const lane of data.lanes) if (lane.kind === "channel")
    for (const [, produced, taken, , from] of lane.messages) if (from === origin)
      for (const [at, other] of [[produced, end(lane.source)], [taken, end(lane.target)]])
        if (at >= 0 && other !== undefined && x(at) >= GUTTER && x(at) <= width - PAD) {
          pen.beginPath(); pen.moveTo(x(at), lane.y + 6); pen.lineTo(x(at), other); pen.stroke();
        }
  pen.setLineDash([]);
};
const drawNames = (pen) => {
  pen.fillStyle = colours.card;
  pen.fillRect(0, 0, GUTTER - 6, height);
  for (const lane of data.lanes) {
    pen.fillStyle = colours["hue-" + lane.hue];
    pen.fillRect(0, lane.y + 2, 4, lane.height - 4);
    pen.fillStyle = colours.text;
    const y = lane.y + (lane.kind === "core" ? lane.height / 2 : lane.kind === "service" ? lane.height / 2 - 7 : 12);
    pen.font = pen.font.replace(/^(\d+ )?/, "600 ");
    pen.fillText(clip(pen, lane.name, GUTTER - 26), 14, y);
    pen.font = pen.font.replace(/^600 /, "");
    pen.fillStyle = colours.soft;
    if (lane.kind !== "core") pen.fillText(clip(pen, lane.kind === "service" ? lane.group : "depth " + lane.depth, GUTTER - 26), 14, y + 16);
  }
};
const drawOverview = () => {
  const pen = canvasFor(overview, 52), wide = width - GUTTER - PAD, services = data.lanes.filter((lane) => lane.kind === "service");
  pen.fillStyle = colours.sunk;
  pen.fillRect(GUTTER, 0, wide, 52);
  pen.fillStyle = colours.soft;
  pen.fillText("whole run", 14, 26);
  const high = 44 / Math.max(1, services.length);
  services.forEach((lane, index) => {
    const busy = new Float32Array(Math.ceil(wide) + 1);
    for (const [start, end] of lane.spans) {
      const from = start / END * wide, to = end / END * wide;
      for (let column = Math.floor(from); column <= Math.min(to, wide); column++) busy[column] += Math.min(to, column + 1) - Math.max(from, column);
    }
    pen.fillStyle = colours["hue-" + lane.hue];
    busy.forEach((share, column) => { const up = Math.min(1, share) * (high - 3); pen.fillRect(GUTTER + column, 4 + high * (index + 1) - 2 - up, 1, up); });
  });
  pen.fillStyle = colours.bad;
  for (const lane of data.lanes) if (lane.kind === "channel") for (const message of lane.messages) if (message[5]) pen.fillRect(GUTTER + message[1] / END * wide - 1, 0, 2, 52);
  for (const [at, , fault] of [...marks].reverse()) { pen.fillStyle = fault ? colours.bad : colours.soft; pen.fillRect(GUTTER + at / END * wide - 1, 0, 2, 52); }
  const left = GUTTER + view.start / END * wide, right = GUTTER + view.end / END * wide;
  pen.fillStyle = colours.card; pen.globalAlpha = .66;
  pen.fillRect(GUTTER, 0, left - GUTTER, 52); pen.fillRect(right, 0, GUTTER + wide - right, 52);
  pen.globalAlpha = 1; pen.strokeStyle = colours.accent; pen.lineWidth = 2;
  pen.strokeRect(left + 1, 1, Math.max(right - left, 3) - 2, 50);
};
const paint = () => {
  queued = false;
  width = chart.clientWidth - 40;
  const pen = canvasFor(lanes, height);
  drawAxis(pen);
  pen.save();
  pen.beginPath(); pen.rect(GUTTER - 4, 0, width - GUTTER + 4, height); pen.clip();
  for (const lane of data.lanes) ({ core: drawCore, service: drawService, channel: drawChannel })[lane.kind](pen, lane);
  drawMarks(pen);
  drawJourney(pen);
  if (data.shown < data.end && x(data.shown) < width) { pen.fillStyle = colours.soft; pen.fillText("more in trace.json →", x(data.shown) + 6, AXIS + 8); }
  pen.restore();
  drawNames(pen);
  drawOverview();
  chart.querySelector(".range").textContent = moment(view.start) + " – " + moment(view.end) + "  (" + span(view.end - view.start) + ")";
};
const draw = () => { if (!queued) { queued = true; requestAnimationFrame(paint); } };

// ---- moving
const show = (start, length) => {
  const long = Math.min(Math.max(length, 2e4), END), begin = Math.min(Math.max(start, 0), END - long);
  view = { start: begin, end: begin + long };
  draw();
};
const zoom = (factor, centre) => { const long = view.end - view.start, at = centre ?? (view.start + view.end) / 2; show(at - (at - view.start) * factor, long * factor); };
const wherever = (event, canvas) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
let drag = null;
lanes.addEventListener("pointerdown", (event) => { drag = { from: event.clientX, start: view.start, moved: false }; lanes.setPointerCapture(event.pointerId); });
lanes.addEventListener("pointermove", (event) => {
  if (!drag) return point(event);
  if (Math.abs(event.clientX - drag.from) > 3) drag.moved = true;
  if (drag.moved) { tip.hidden = true; show(drag.start - (event.clientX - drag.from) / (width - GUTTER - PAD) * (view.end - view.start), view.end - view.start); }
});
lanes.addEventListener("pointerup", (event) => {
  if (drag && !drag.moved) { const found = hit(...wherever(event, lanes)); pinned = found && found.origin !== pinned ? found.origin : null; draw(); }
  drag = null;
});
lanes.addEventListener("pointerleave", () => { tip.hidden = true; if (hovered !== null) { hovered = null; draw(); } });
lanes.addEventListener("dblclick", (event) => zoom(.4, time(wherever(event, lanes)[0])));
lanes.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY * .004), time(wherever(event, lanes)[0])); }
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) { event.preventDefault(); show(view.start + (event.deltaX || event.deltaY) / width * (view.end - view.start), view.end - view.start); }
}, { passive: false });
lanes.addEventListener("keydown", (event) => {
  const long = view.end - view.start;
  const action = { ArrowLeft: () => show(view.start - long / 5, long), ArrowRight: () => show(view.start + long / 5, long), "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), Escape: () => { pinned = null; draw(); } }[event.key];
  if (action) { event.preventDefault(); action(); }
});
const jump = (event) => { const at = (wherever(event, overview)[0] - GUTTER) / (width - GUTTER - PAD) * END, long = view.end - view.start; show(at - long / 2, long); };
overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); jump(event); });
overview.addEventListener("pointermove", (event) => { if (event.buttons) jump(event); });
for (const button of chart.querySelectorAll("[data-view]")) button.addEventListener("click", () => button.dataset.view === "all" ? show(0, END) : zoom(button.dataset.view / (view.end - view.start)));
for (const button of chart.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(+button.dataset.zoom));

// ---- pointing
const hit = (px, py) => {
  const lane = data.lanes.find((one) => py >= one.y && py <= one.y + one.height), t = time(px), slack = time(px + 3) - t;
  if (!lane || px < GUTTER) return null;
  if (lane.kind === "core") {
    const found = lane.slices.find(([start, stop]) => t >= start && t < stop);
    return found && { origin: null, text: `${lane.names[found[2]]} on ${lane.name}\nfrom ${moment(found[0])}\nfor ${span(found[1] - found[0])}` };
  }
  if (lane.kind === "service") {
    const found = lane.spans.find(([start, end]) => t >= start - slack && t <= end + slack);
    const made = (lane.inferences ?? []).filter((one) => found && one[0] >= found[0] && one[1] <= found[1]);
    const inferred = made.map((one) => `\ninference ${span(one[1] - one[0])}, ${one[2].toLocaleString("en")} instructions`).join("");
    return found && { origin: found[2], text: `${lane.group} · ${lane.name}\nsample #${found[2]}\nstart ${moment(found[0])}\ntook ${span(found[1] - found[0])}${inferred}` };
  }
  const near = lane.messages.filter((one) => t >= one[1] - slack && t <= (one[3] < 0 ? END : one[3]) + slack);
  const found = near.find((one) => Math.abs(lane.y + 6 + 10 * one.row - py) <= 5) ?? near[0];
  if (!found) return null;
  const [sequence, produced, taken, returned, origin, dropped] = found;
  const rest = dropped ? "dropped" : taken < 0 ? "never taken" : `waited ${span(taken - produced)}` + (returned < 0 ? "" : `, held ${span(returned - taken)}`);
  return { origin, text: `${lane.name} tensor ${sequence}` + (origin < 0 ? "" : ` · sample #${origin}`) + `\n${lane.source} → ${lane.target}\npublished ${moment(produced)}\n${rest}` };
};
const point = (event) => {
  const [px, py] = wherever(event, lanes), found = hit(px, py), origin = found ? found.origin : null;
  tip.hidden = !found;
  if (found) {
    tip.textContent = found.text;
    tip.style.left = Math.min(px + 34, chart.clientWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = lanes.offsetTop + py + 18 + "px";
  }
  if (origin !== hovered) { hovered = origin; draw(); }
};

// ---- players: what a display showed, in virtual time
for (const player of document.querySelectorAll(".player")) {
  const kept = player.querySelector("script"), image = player.querySelector("img");
  if (!kept) continue;
  const frames = JSON.parse(kept.textContent);
  const [button, slider, clock] = player.querySelector(".controls").children;
  let began = null;
  const put = (index) => { image.src = frames[index][1]; slider.value = index; clock.textContent = (frames[index][0] / 1e9).toFixed(2) + " s"; };
  const play = (now) => {
    if (began === null) return;
    const at = (now - began) * 1e6, index = first(frames, 0, at);
    if (index >= frames.length) { began = null; button.textContent = "▶"; return; }
    if (+slider.value !== index) put(index);
    requestAnimationFrame(play);
  };
  button.addEventListener("click", () => {
    if (began !== null) { began = null; button.textContent = "▶"; return; }
    const from = +slider.value >= frames.length - 1 ? 0 : +slider.value;
    button.textContent = "❚❚";
    began = performance.now() - frames[from][0] / 1e6;
    requestAnimationFrame(play);
  });
  slider.addEventListener("input", () => { began = null; button.textContent = "▶"; put(+slider.value); });
  player.querySelector(".controls").hidden = false;
  put(Math.min(frames.length - 1, Math.floor(frames.length / 3)));
}

// ---- start: a window in which single calls can be told apart
readColours();
layout();
for (const hidden of chart.querySelectorAll(".tools, canvas")) hidden.hidden = false;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); draw(); });
new ResizeObserver(draw).observe(chart);
const calls = data.lanes.reduce((most, lane) => Math.max(most, (lane.spans || lane.messages || []).length), 1);
const opening = Math.min(END, END / calls * 14);
show(strike ? strike[0] - opening * .3 : Math.min(END - opening, END * .3), opening);
})();
