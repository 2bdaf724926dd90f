// The seeds of a latent, made when its list is opened: one page of a table at a time, so that a
// study of many runs costs nothing until somebody looks.
(() => {
  const { data, make, number, difference, reference, equip, save, csv } = globalThis.qlat;
  const PAGE = 50;
  const column = (values, place) => (Array.isArray(values) ? values[place] : values);

  const fill = (details) => {
    const body = details.querySelector(".seeds");
    if (body.firstChild) return;
    const own = data().runs;
    const index = Number(details.id.slice("runs-".length));
    const group = own.groups[index];
    const metrics = Object.keys(own.metrics).filter((name) => group.values[name]);
    const against = reference(group);
    const compared = against !== null && against !== group;
    const state = { metric: metrics[0] ?? null, by: "seed", down: false, page: 0 };

    const value = (place) => (state.metric === null ? null : group.values[state.metric][place]);
    const apart = (place) => (state.metric === null ? null : difference(group, state.metric, place));
    const keys = { seed: (place) => group.seed[place], value, difference: apart };
    const order = () => {
      const key = keys[state.by];
      const places = group.seed.map((_, place) => place);
      // Runs without a value come last, whichever way the others are sorted.
      return places.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return (state.down ? y - x : x - y) || a - b;
      });
    };

    const table = make("table", { class: "dense" });
    const status = make("span", { class: "note", "aria-live": "polite" });
    const turn = (by) => () => { state.page += by; draw(); };
    const back = make("button", { type: "button", onclick: turn(-1) }, "Previous");
    const next = make("button", { type: "button", onclick: turn(1) }, "Next");
    const select = make("select", { id: `metric-${index}`, onchange: () => { state.metric = select.value; state.page = 0; draw(); } },
      ...metrics.map((name) => make("option", { value: name }, `${own.metrics[name].label} ${own.metrics[name].arrow}`)));

    const sorter = (name, text) => {
      const on = state.by === name;
      return make("th", { scope: "col", "aria-sort": on ? (state.down ? "descending" : "ascending") : null },
        make("button", { type: "button", class: "sort", "data-sort": name, onclick: () => {
          state.down = on && !state.down;
          state.by = name;
          state.page = 0;
          draw();
          table.querySelector(`[data-sort="${name}"]`).focus();
        } }, text, make("span", { "aria-hidden": "true" }, on ? (state.down ? " ↓" : " ↑") : "")));
    };

    const line = (place, width) => {
      const count = state.metric !== null && own.metrics[state.metric].count;
      const id = `run-${index}-${place}`;
      const row = make("tr");
      const more = make("button", { type: "button", class: "more", "aria-expanded": "false", "aria-controls": id, onclick: () => {
        const open = more.getAttribute("aria-expanded") === "true";
        more.setAttribute("aria-expanded", String(!open));
        if (open) row.nextElementSibling.remove();
        else row.after(make("tr", { id, class: "one-run" }, make("td", { colspan: width }, ...oneRun(place))));
      } }, `seed ${group.seed[place]}`);
      row.append(make("th", { scope: "row" }, more), make("td", {}, number(value(place), { count })));
      if (compared) row.append(make("td", {}, number(apart(place), { signed: true, count })));
      const state_ = column(group.status, place);
      row.append(
        make("td", {}, state_ !== "finished" ? make("span", { class: "badge worse" }, state_) : state_),
        make("td", {}, column(group.stack, place) || "–"),
        make("td", {}, column(group.kernel, place) || "–"),
        make("td", {}, make("code", {}, group.run[place])));
      return row;
    };

    const oneRun = (place) => {
      const entries = [["run", group.run[place]], ["status", column(group.status, place)],
        ["what happened", column(group.detail, place)], ["place in its stack", column(group.stack, place)],
        ["kernel", column(group.kernel, place)], ["device", column(group.device, place)],
        ["seconds of training", column(group.seconds, place)]];
      const facts = make("dl", {});
      for (const [name, text] of entries) if (text !== null && text !== "") facts.append(make("dt", {}, name), make("dd", {}, String(text)));
      const head = ["metric", "value", ...(compared ? [`difference to ${own.reference}`] : [])];
      const body = make("tbody", {}, ...metrics.map((name) => {
        const { label, arrow, count } = own.metrics[name];
        const cells = [number(group.values[name][place], { count })];
        if (compared) cells.push(number(difference(group, name, place), { signed: true, count }));
        return make("tr", {}, make("th", { scope: "row", class: "long" }, `${label} ${arrow}`), ...cells.map((text) => make("td", {}, text)));
      }));
      const values = make("table", { class: "dense" }, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), body);
      return [make("div", { class: "run-facts" }, facts, make("div", { class: "scroll" }, values)), curves(place)];
    };

    const curves = (place) => {
      const found = own.curves[group.run[place]];
      if (!found) return make("p", { class: "note" }, Object.keys(own.curves).length ? "Its training curves are in rows.jsonl: this page carries those of the first seeds." : "No training curves in this page.");
      const [which, of] = found;
      const steps = own.steps[which];
      const drawn = Object.entries(of).map(([name, values]) => {
        const label = own.curve_labels[name] ?? name.replaceAll("_", " ");
        const file = [own.study, name, group.latent, group.data, `seed-${group.seed[place]}`].map((part) => part.replace(/[^\w.]+/g, "-")).join("-");
        const figure = make("figure", { "data-figure": file });
        figure.append(chart(steps, values, `${label}, ${group.latent}, seed ${group.seed[place]}`, label));
        equip(figure, () => ({ header: ["training step", label], lines: steps.map((step, at) => [step, values[at]]) }));
        return figure;
      });
      return make("div", { class: "figures small" }, ...drawn);
    };

    const draw = () => {
      const places = order();
      const pages = Math.max(1, Math.ceil(places.length / PAGE));
      state.page = Math.min(Math.max(state.page, 0), pages - 1);
      const first = state.page * PAGE;
      const shown = places.slice(first, first + PAGE);
      const width = compared ? 7 : 6;
      const plain = (text) => make("th", { scope: "col" }, text);
      table.replaceChildren(
        make("caption", { class: "unseen" }, `Seeds of ${group.latent} on ${group.data} data`),
        make("thead", {}, make("tr", {}, sorter("seed", "seed"), sorter("value", "value"),
          ...(compared ? [sorter("difference", `− ${own.reference}`)] : []), plain("status"), plain("in stack"), plain("kernel"), plain("run"))),
        make("tbody", {}, ...shown.map((place) => line(place, width))));
      back.disabled = state.page === 0;
      next.disabled = state.page === pages - 1;
      status.textContent = `${first + 1} to ${first + shown.length} of ${places.length}`;
    };

    const all = () => {
      const header = ["data", "latent", "seed", "run", "status", ...metrics];
      const lines = group.seed.map((seed, place) => [group.data, group.latent, seed, group.run[place], column(group.status, place), ...metrics.map((name) => group.values[name][place])]);
      const name = [own.study, "runs", group.latent, group.data].map((part) => part.replace(/[^\w.]+/g, "-")).join("-");
      save(csv({ header, lines }), "text/csv", `${name}.csv`);
    };
    draw();
    const bar = make("div", { class: "pager" });
    if (metrics.length) bar.append(make("label", { for: `metric-${index}` }, "Metric "), select);
    if (group.seed.length > PAGE) bar.append(back, next);
    bar.append(status, make("button", { type: "button", "aria-label": `Save the seeds of ${group.latent} on ${group.data} data as CSV`, onclick: all }, "CSV"));
    body.append(bar, make("div", { class: "scroll" }, table));
  };

  // A line through the values against the steps, broken where one is missing.
  const chart = (steps, values, words, label) => {
    const draw = (tag, attributes, text) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
      if (text !== undefined) element.textContent = text;
      return element;
    };
    const [width, height, left, right, top, bottom] = [280, 170, 52, 10, 24, 30];
    const known = values.filter((value) => value !== null);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
    const ink = "fill: var(--ink, #1b2431); font-family: var(--font, sans-serif); font-size: 11px";
    svg.append(draw("text", { x: left, y: 14, style: `${ink}; font-weight: bold` }, label));
    if (!known.length) return svg;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const [from, to] = [steps[0], steps[steps.length - 1]];
    const x = (step) => left + ((step - from) / (to - from || 1)) * (width - left - right);
    const y = (value) => height - bottom - ((value - low) / (high - low || 1)) * (height - top - bottom);
    let path = "";
    values.forEach((value, at) => {
      if (value !== null) path += `${at && values[at - 1] !== null ? "L" : "M"}${x(steps[at]).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    const grid = "stroke: var(--grid, #dde2ea)";
    for (const value of [low, high]) svg.append(draw("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), style: grid }),
      draw("text", { x: left - 6, y: y(value) + 4, style: `${ink}; text-anchor: end` }, number(value)));
    svg.append(draw("path", { d: path, style: "fill: none; stroke: var(--latent-0, #0a6ebd); stroke-width: 1.5" }),
      draw("text", { x: left, y: height - 12, style: ink }, number(from)),
      draw("text", { x: width - right, y: height - 12, style: `${ink}; text-anchor: end` }, `${number(to)} steps`));
    return svg;
  };

  const open = (details, focus) => {
    details.open = true;
    fill(details);
    if (!focus) return;
    // At once: on the way of a smooth scroll what comes into sight is laid out and moves the goal.
    details.scrollIntoView({ block: "start", behavior: "instant" });
    details.querySelector("summary").focus({ preventScroll: true });
  };
  // The event of a <details> does not bubble: it is caught on its way down.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.runs") && event.target.open) fill(event.target);
  }, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#runs-"]');
    if (link) {
      const details = document.querySelector(link.getAttribute("href"));
      if (!details) return;
      event.preventDefault();
      open(details, true);
      return;
    }
    // A mark of a figure leads to the seeds of its latent; the names in the tables do so by keyboard.
    const mark = event.target.closest?.("figure[data-data] svg [data-latent]");
    if (!mark) return;
    const [set, latent] = [mark.closest("figure").dataset.data, mark.dataset.latent];
    const found = data().runs.groups.findIndex((group) => group.data === set && group.latent === latent);
    if (found >= 0) open(document.getElementById(`runs-${found}`), true);
  });
  const named = /^#runs-\d+$/.test(location.hash) && document.querySelector(location.hash);
  if (named) open(named, true);
})();
