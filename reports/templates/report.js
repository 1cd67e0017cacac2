"use strict";
// Draws the charts and adds what needs a script. Names are data: they reach the page as text only.
(() => {
  const root = document.documentElement;
  root.dataset.charts = "0";
  const note = (message) => { root.dataset.errors = [root.dataset.errors, message].filter(Boolean).join("; "); };
  window.addEventListener("error", (event) => note(event.message));
  document.addEventListener("securitypolicyviolation", (event) => note("blocked: " + event.violatedDirective));

  const report = JSON.parse(document.getElementById("report").textContent);
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  function colour(name) {
    probe.style.color = "var(--" + name + ")";
    return getComputedStyle(probe).color;
  }
  const charts = new Map();

  // --- formatting: the ticks' share of reports/wording.py

  const short = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 3 });

  function quantity(value, unit) {
    if (!unit.startsWith("bytes")) return unit === "%" ? short(value) + " %" : short(value);
    let power = 0;
    for (; Math.abs(value) >= 1000 && power < 4; power++) value /= 1000;
    return short(value) + " " + ["B", "kB", "MB", "GB", "TB"][power] + unit.slice(5);
  }

  // --- charts

  function axis(title, format, more) {
    return {
      ticks: { color: colour("quiet"), callback: format, maxRotation: 0, ...more },
      grid: { color: colour("line"), drawTicks: false },
      border: { display: false },
      title: { display: Boolean(title), text: title, color: colour("quiet") },
    };
  }

  function line(points, tooltip, scales, extra) {
    return {
      type: "line",
      data: { datasets: [{ data: points, borderColor: colour("compute"), borderWidth: 1.5, pointRadius: 0,
        backgroundColor: colour("compute").replace(")", ", 0.15)"), fill: "origin", ...extra.dataset }] },
      options: {
        animation: false, parsing: false, normalized: true, maintainAspectRatio: false,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        layout: { padding: { top: extra.top || 4 } },
        plugins: { legend: { display: false }, tooltip: { displayColors: false, callbacks: tooltip } },
        scales,
      },
      plugins: extra.plugins || [],
    };
  }

  function seriesChart(index) {
    const one = report.charts[index];
    const points = one.time_s.map((x, i) => ({ x, y: one.value[i] }));
    const percent = one.unit === "%" && one.highest > 25 && one.highest <= 100;
    return line(points, {
      title: (items) => items[0].parsed.x.toFixed(2) + " s",
      label: (item) => quantity(item.parsed.y, one.unit),
    }, {
      x: { type: "linear", ...axis("", (value) => short(value) + " s", { maxTicksLimit: 5 }),
        min: one.time_s[0], max: one.time_s[one.time_s.length - 1], grid: { display: false } },
      y: { type: "linear", beginAtZero: true, max: percent ? 100 : undefined,
        ...axis("", (value) => quantity(value, one.unit), { maxTicksLimit: 4 }) },
    }, {});
  }

  // Vertical lines with a word on top, each moved down a row where it would touch the one before.
  const marks = (lines) => ({
    id: "marks",
    afterDatasetsDraw({ ctx, chartArea, scales }) {
      let end = -Infinity, row = 0;
      ctx.save();
      ctx.font = "12px " + Chart.defaults.font.family;
      for (const [name, value] of lines) {
        const x = scales.x.getPixelForValue(value);
        if (value === null || x < chartArea.left || x > chartArea.right) continue;
        const width = ctx.measureText(name).width;
        row = x - 4 < end ? row + 1 : 0;
        const left = x + 4 + width > chartArea.right ? x - 4 - width : x + 4;
        ctx.strokeStyle = colour("ink");
        ctx.setLineDash([4, 3]);
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top - 14);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
        ctx.fillStyle = colour("ink");
        ctx.fillText(name, left, chartArea.top - 6 + 14 * row);
        end = left + width;
      }
      ctx.restore();
    },
  });

  function histogram() {
    const { histogram: bins, p50_ms, p95_ms, p99_ms } = report.latency;
    const points = bins.map(([from, , count]) => ({ x: from, y: count }));
    points.push({ x: bins[bins.length - 1][1], y: 0 });
    return line(points, {
      title: ([item]) => {
        const [from, to] = bins[Math.min(item.dataIndex, bins.length - 1)];
        return short(from) + " to " + short(to) + " ms";
      },
      label: (item) => short(item.parsed.y) + (item.parsed.y === 1 ? " request" : " requests"),
    }, {
      x: { type: "linear", ...axis("latency of a request, ms", short), min: points[0].x,
        max: points[points.length - 1].x, grid: { display: false } },
      y: { type: "linear", beginAtZero: true, ...axis("requests", short, { precision: 0, maxTicksLimit: 5 }) },
    }, { dataset: { stepped: "before" }, plugins: [marks([["p50", p50_ms], ["p95", p95_ms], ["p99", p99_ms]])], top: 20 });
  }

  function draw(canvas) {
    try {
      charts.get(canvas)?.destroy();
      charts.set(canvas, new Chart(canvas, canvas.dataset.series ? seriesChart(Number(canvas.dataset.series)) : histogram()));
      root.dataset.charts = String(charts.size);
    } catch (error) {
      note(String(error));
    }
  }

  const visible = (canvas) => !canvas.closest("details:not([open])");
  const drawMissing = () => document.querySelectorAll("canvas").forEach((canvas) => {
    if (!charts.has(canvas) && visible(canvas)) draw(canvas);
  });

  // --- light and dark

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.getElementById("theme");

  function repaint() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", "Switch to the " + button.textContent.toLowerCase() + " theme");
    [...charts.keys()].forEach(draw);
  }
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; repaint(); });
  system.addEventListener("change", repaint);

  // --- copying code

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    throw new Error("no clipboard here");
  }

  document.querySelectorAll(".snippet").forEach((snippet) => {
    const code = snippet.querySelector("code");
    const push = document.createElement("button");
    push.type = "button";
    push.textContent = "Copy";
    push.addEventListener("click", () => copy(code.textContent)
      .then(() => { push.textContent = "Copied"; })
      .catch(() => { getSelection().selectAllChildren(code); push.textContent = "Press Ctrl+C"; })
      .finally(() => setTimeout(() => { push.textContent = "Copy"; }, 1500)));
    snippet.append(push);
  });

  // --- folding

  document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", drawMissing));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
    drawMissing();
  });

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 11;
  repaint();
  drawMissing();
})();
