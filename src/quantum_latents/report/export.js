// Buttons beside every figure that save it as SVG, PNG or CSV. Also what the other scripts share:
// the page's data, read once when first needed, and how numbers are written.
globalThis.qlat = (() => {
  const root = document.documentElement;
  let parsed = null;
  const data = () => (parsed ??= JSON.parse(document.getElementById("data").textContent));

  // Elements are made, never parsed: a name of the study can then be no markup.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  const number = (value, { signed = false, count = false } = {}) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    let text;
    if (count || (Number.isInteger(value) && size < 1e6)) text = size.toLocaleString("en", { maximumFractionDigits: 1 });
    else if (size && (size < 1e-4 || size >= 1e6)) text = size.toExponential(2);
    else text = size.toPrecision(4);
    return (value < 0 ? "−" : signed ? "+" : "") + text;
  };

  const save = (content, type, name) => {
    const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // ----- CSV: the numbers that the figure was drawn from, and the page carries.
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    let text = String(value);
    // A spreadsheet would run a text that begins like a formula.
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const csv = ({ header, lines }) => [header, ...lines].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";

  const reference = (group) => {
    const own = data();
    const found = own.runs.groups.find((other) => other.data === group.data && other.latent === own.runs.reference);
    if (!found) return null;
    found.places ??= new Map(found.seed.map((seed, place) => [seed, place]));
    return found;
  };
  // The difference of a run to the reference's run of the same seed; null where one has no value.
  const difference = (group, metric, place) => {
    const other = reference(group);
    if (!other || other === group) return null;
    const partner = other.places.get(group.seed[place]);
    const value = group.values[metric]?.[place] ?? null;
    const against = partner === undefined ? null : other.values[metric]?.[partner] ?? null;
    return value === null || against === null ? null : Number((value - against).toPrecision(6));
  };
  const numbers = (name) => {
    const found = data().figures[name];
    if (!found?.seeds) return found;
    const [kind, set, metric] = found.seeds;
    const lines = [];
    for (const group of data().runs.groups) {
      if (group.data !== set || !group.values[metric]) continue;
      group.seed.forEach((seed, place) => {
        const value = kind === "values" ? group.values[metric][place] : difference(group, metric, place);
        if (value !== null) lines.push([group.latent, seed, value]);
      });
    }
    return { header: found.header, lines: [...lines, ...found.lines] };
  };

  // ----- SVG: alone it has no style sheet, so the page's colours and font are written into it.
  const alone = (svg) => {
    const copy = svg.cloneNode(true);
    copy.querySelectorAll(".off").forEach((element) => element.remove());
    const probe = document.body.appendChild(make("span", { hidden: "" }));
    const colours = new Map();
    const colour = (variable, fallback) => {
      if (!colours.has(variable)) {
        probe.style.color = "";
        probe.style.color = `var(${variable}, ${fallback || "currentColor"})`;
        colours.set(variable, getComputedStyle(probe).color);
      }
      return colours.get(variable);
    };
    const inlined = (text) => text
      .replace(/var\(--font[^)]*\)/g, "Helvetica, Arial, sans-serif")
      .replace(/var\((--[\w-]+)(?:,\s*([^()]*))?\)/g, (_, variable, fallback) => colour(variable, fallback));
    for (const element of [copy, ...copy.querySelectorAll("*")]) {
      for (const attribute of [...element.attributes]) {
        if (attribute.value.includes("var(")) attribute.value = inlined(attribute.value);
      }
    }
    const [x, y, width, height] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const frame = { x, y, width, height, fill: colour("--surface", "#fefefd") };
    Object.entries(frame).forEach(([name, value]) => ground.setAttribute(name, value));
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = svg.getAttribute("aria-label") ?? "";
    copy.prepend(title, ground);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    probe.remove();
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  };

  const png = ({ text, width, height }) => new Promise((resolve, reject) => {
    const image = new Image();
    const scale = Math.min(3, 8000 / Math.max(width, height));
    image.onload = () => {
      const canvas = make("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the figure is too large for a picture"))), "image/png");
    };
    image.onerror = () => reject(new Error("the browser could not draw the figure"));
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  });

  // ----- Buttons. A figure without a name of its own takes that of its section.
  let unnamed = 0;
  const equip = (figure, table = null) => {
    const svg = figure.querySelector("svg");
    if (!svg || figure.querySelector(".export")) return;
    const name = figure.dataset.figure ??
      [data().runs.study, figure.closest("section")?.id ?? "figure", ++unnamed].join("-");
    const label = svg.getAttribute("aria-label") || name;
    const button = (kind, action) => make("button", {
      type: "button", "aria-label": `Save as ${kind}: ${label}`, title: `${name}.${kind.toLowerCase()}`, onclick: action,
    }, kind);
    const bar = make("div", { class: "export" },
      button("SVG", () => save(alone(svg).text, "image/svg+xml", `${name}.svg`)),
      button("PNG", async (event) => {
        try { save(await png(alone(svg)), "image/png", `${name}.png`); } catch (error) { event.target.title = error.message; event.target.textContent = "PNG failed"; }
      }));
    if (table) bar.append(button("CSV", () => save(csv(table()), "text/csv", `${name}.csv`)));
    figure.append(bar);
  };
  document.querySelectorAll("figure").forEach((figure) => {
    const name = figure.dataset.figure;
    equip(figure, name ? () => numbers(name) : null);
  });

  return { data, make, number, difference, reference, equip, save, csv, root };
})();
