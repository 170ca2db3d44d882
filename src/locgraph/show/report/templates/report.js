"use strict";
(() => {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 44rem)");
  const drawn = new Map();
  let printing = false;

  const theme = () => payload.themes[dark.matches && !printing ? "dark" : "light"];
  const family = getComputedStyle(document.body).fontFamily;

  /* Colours of paper, text and grid are those of the page, so that one specification serves both themes. */
  function layoutFor(layout, colours) {
    const themed = {
      ...layout,
      font: { family, size: 13, color: colours.ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: colours.raised, bordercolor: colours.line, font: { family, size: 13, color: colours.ink } },
      modebar: { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: colours.soft, activecolor: colours.ink },
      autosize: true,
    };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      themed[key] = {
        gridcolor: colours.grid, linecolor: colours.soft, tickcolor: colours.soft, zerolinecolor: colours.grid,
        ...layout[key],
      };
    }
    return themed;
  }

  function dataFor(data, colours, swap) {
    if (swap) return JSON.parse(JSON.stringify(data).replaceAll(payload.themes.light.accent, colours.accent));
    return data.map((trace) => {
      if (trace.meta !== "ink") return trace;
      const line = { ...trace.marker.line, color: colours.ink };
      return { ...trace, marker: { ...trace.marker, color: colours.ink, line } };
    });
  }

  const config = {
    displaylogo: false, responsive: true, showTips: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg" },
  };

  function draw(element, data, layout) {
    drawn.set(element, { data, layout });
    const colours = theme();
    const swap = element.dataset.plot !== undefined;
    return Plotly.react(element, dataFor(data, colours, swap), layoutFor(layout, colours), config);
  }

  function redraw(width) {
    for (const [element, { data, layout }] of drawn) {
      draw(element, data, layout);
      if (width !== undefined) Plotly.relayout(element, width === null ? { autosize: true, width: null } : { width });
    }
  }

  function drawPlots() {
    for (const element of document.querySelectorAll("[data-plot]")) {
      const plot = payload.plots[element.dataset.plot];
      draw(element, plot.data, { ...plot.layout, height: plot.height, dragmode: narrow.matches ? false : "zoom" });
    }
  }

  function text(tag, words, className) {
    const element = document.createElement(tag);
    element.textContent = words;
    if (className) element.className = className;
    return element;
  }

  function explore(explorer) {
    const plot = document.getElementById("explorer-plot");
    const panel = document.getElementById("explorer-panel");
    const choice = document.getElementById("explorer-view");
    const find = document.getElementById("explorer-find");
    let view = null;
    let shown = null;

    function showRecord(name, record) {
      shown = name;
      const facts = document.createElement("dl");
      const add = (term, words, className) => facts.append(text("dt", term), text("dd", words, className));
      if (record) {
        const verdict = record.truth === record.prediction ? "is-right" : "is-wrong";
        add("class", record.truth);
        add("prediction", record.prediction, verdict);
        add("probability", record.probability.toFixed(3));
        add("fold", record.split === "test" ? String(record.fold) : `${record.fold} (${record.split})`);
      } else {
        add("prediction", "not tested here");
      }
      const uri = explorer.pictures[name];
      const picture = uri ? document.createElement("img") : text("p", "No picture.", "hint");
      if (uri) {
        picture.src = uri;
        picture.alt = `Localisations of ${name}`;
      }
      panel.replaceChildren(text("h4", name), picture, facts);
    }

    /* The test FOV with the most probable wrong prediction, which is shown first. */
    function firstMistake() {
      const wrong = explorer.records.filter((one) => one.split === "test" && one.truth !== one.prediction
        && one.truth !== "without a class");
      return wrong.sort((a, b) => b.probability - a.probability)[0];
    }

    function point(name) {
      for (const trace of view.data) {
        const place = trace.text ? trace.text.indexOf(name) : -1;
        if (place >= 0) return { x: trace.x[place], y: trace.y[place], record: explorer.records[trace.customdata[place]] };
      }
      return null;
    }

    function crosshair(place) {
      return {
        x: place ? [place.x] : [], y: place ? [place.y] : [], type: "scatter", mode: "markers", hoverinfo: "skip",
        showlegend: false, meta: "ink", marker: { symbol: "cross-thin", size: 22, line: { width: 1.5 } },
      };
    }

    function show(index, name) {
      view = explorer.views[index];
      const ticks = { showticklabels: false, ticks: "", zeroline: false };
      const layout = {
        xaxis: { ...ticks, title: { text: view.axes[0] } },
        yaxis: { ...ticks, title: { text: view.axes[1] } },
        legend: { orientation: "h", y: 1.02, x: 0, yanchor: "bottom" },
        margin: { l: 36, r: 34, t: 8, b: 40 },
        hovermode: "closest", dragmode: narrow.matches ? false : "pan", uirevision: String(index),
      };
      document.getElementById("explorer-note").textContent = view.note;
      return draw(plot, [...view.data, crosshair(name ? point(name) : null)], layout);
    }

    const names = [...new Set(explorer.views.flatMap((one) => one.data.flatMap((trace) => trace.text || [])))].sort();
    document.getElementById("explorer-names").replaceChildren(
      ...names.map((name) => Object.assign(document.createElement("option"), { value: name })));
    choice.addEventListener("change", () => show(Number(choice.value), shown));
    find.addEventListener("input", () => {
      const place = point(find.value);
      if (!place) return;
      showRecord(find.value, place.record);
      show(Number(choice.value), find.value);
    });
    const first = firstMistake() || explorer.records[0];
    if (first && names.includes(first.name)) showRecord(first.name, first);
    show(0).then(() => {
      plot.on("plotly_hover", (event) => {
        const hovered = event.points.find((one) => one.data.text);
        if (hovered) showRecord(hovered.data.text[hovered.pointNumber], explorer.records[hovered.customdata]);
      });
      plot.on("plotly_click", (event) => {
        const clicked = event.points.find((one) => one.data.text);
        if (clicked) show(Number(choice.value), clicked.data.text[clicked.pointNumber]);
      });
    });
  }

  /* Rows that hold every word of the search stay. */
  function filter(rows, words) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => content.includes(word));
      left += row.hidden ? 0 : 1;
    }
    return wanted.length ? `${left} of ${rows.length}` : "";
  }

  function searches() {
    for (const input of document.querySelectorAll("[data-searches]")) {
      const rows = document.getElementById(input.dataset.searches).tBodies[0].rows;
      input.addEventListener("input", () => { input.nextElementSibling.textContent = filter(rows, input.value); });
    }
    for (const input of document.querySelectorAll("[data-searches-settings]")) {
      const groups = document.getElementById(input.dataset.searchesSettings).querySelectorAll("details");
      const rows = [...groups].flatMap((group) => [...group.querySelectorAll("tbody tr")]);
      input.addEventListener("input", () => {
        input.nextElementSibling.textContent = filter(rows, input.value);
        for (const group of groups) {
          group.hidden = ![...group.querySelectorAll("tbody tr")].some((row) => !row.hidden);
          group.open = input.value.trim() !== "" && !group.hidden;
        }
      });
    }
  }

  function contents() {
    const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-10% 0px -80% 0px" });
    for (const section of document.querySelectorAll("main > section")) seen.observe(section);
  }

  contents();
  searches();
  if (typeof Plotly === "undefined") return;
  drawPlots();
  if (payload.explorer && document.getElementById("explorer-plot")) explore(payload.explorer);
  dark.addEventListener("change", () => redraw());
  window.addEventListener("beforeprint", () => { printing = true; redraw(660); });
  window.addEventListener("afterprint", () => { printing = false; redraw(null); });
})();
