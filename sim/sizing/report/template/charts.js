"use strict";
(() => {
  const { themes, figures } = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paper = { wide: 690, half: 335 };
  let colours = themes[dark.matches ? "dark" : "light"];

  // "$hue-0" is a colour of the theme, "$hue-0/0.3" the same with an opacity.
  function coloured(part) {
    if (typeof part === "string") {
      const [, name, opacity] = /^\$([a-z]+(?:-[a-z0-9]+)?)(?:\/([\d.]+))?$/.exec(part) || [];
      if (!name || !(name in colours)) return part;
      if (!opacity) return colours[name];
      const value = parseInt(colours[name].slice(1), 16);
      return `rgba(${value >> 16},${(value >> 8) & 255},${value & 255},${opacity})`;
    }
    if (Array.isArray(part)) return part.map(coloured);
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([key, one]) => [key, coloured(one)]));
  }

  function merged(base, over) {
    const result = { ...base };
    for (const [key, one] of Object.entries(over)) {
      const plain = (thing) => thing && typeof thing === "object" && !Array.isArray(thing);
      result[key] = plain(one) && plain(base[key]) ? merged(base[key], one) : one;
    }
    return result;
  }

  const axis = {
    gridcolor: "$line", linecolor: "$line", zerolinecolor: "$line", tickcolor: "$line", automargin: true, ticklabeloverflow: "allow",
    tickfont: { color: "$soft", size: 11 }, title: { font: { color: "$soft", size: 12 }, standoff: 8 },
  };
  const base = {
    font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif", size: 12, color: "$text" },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 8, r: 20, t: 8, b: 8 }, hovermode: "closest", dragmode: "zoom",
    hoverlabel: { bgcolor: "$text", bordercolor: "$text", font: { color: "$page", size: 12 }, align: "left", namelength: -1 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "$soft", activecolor: "$accent" },
    legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom", font: { color: "$soft", size: 12 } },
  };

  // Pictures of one group share their lists to choose from; any other has its own.
  function group(part) { return part.closest("[data-group]") || part.closest("figure"); }

  function chosen(place) {
    const spec = figures[place.dataset.figure];
    if (!spec.variants) return spec;
    const key = [...group(place).querySelectorAll("select")].map((one) => one.value).join("|");
    return spec.variants[key] || spec;
  }

  function layoutOf(place, width) {
    const spec = figures[place.dataset.figure];
    let layout = merged(base, merged(spec.layout, chosen(place).layout || {}));
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) layout[key] = merged(axis, layout[key]);
    }
    for (const key of ["xaxis", "yaxis"]) layout[key] = layout[key] || axis;
    return coloured({ ...layout, height: spec.height, width, autosize: !width });
  }

  function draw(place, width) {
    const config = { responsive: !width, displaylogo: false, staticPlot: Boolean(width),
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], displayModeBar: width ? false : "hover" };
    place.dataset.drawn = "yes";
    Plotly.react(place, coloured(chosen(place).data), layoutOf(place, width), config);
  }

  const places = [...document.querySelectorAll(".plot[data-figure]")];
  for (const place of places) place.style.height = `${figures[place.dataset.figure].height}px`;

  // The pictures in sight come first; the others while the reader looks at these.
  const waiting = [...places];
  function next() {
    const place = waiting.shift();
    if (!place) { document.documentElement.dataset.ready = "yes"; return; }
    if (!place.dataset.drawn) draw(place);
    setTimeout(next, 0);
  }
  next();

  for (const select of document.querySelectorAll("[data-group] select, figure select")) {
    select.addEventListener("change", () => group(select).querySelectorAll(".plot").forEach((place) => draw(place)));
  }
  function redraw(width) {
    for (const place of places) draw(place, width && (place.closest(".cards") ? paper.half : paper.wide));
  }
  dark.addEventListener("change", () => { colours = themes[dark.matches ? "dark" : "light"]; redraw(0); });
  window.addEventListener("beforeprint", () => { colours = themes.light; redraw(1); });
  window.addEventListener("afterprint", () => { colours = themes[dark.matches ? "dark" : "light"]; redraw(0); });
})();
