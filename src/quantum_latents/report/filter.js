// Shows only what belongs to the chosen data sets, metrics and latents. Nothing chosen is all shown.
// The choice stands in the address after #, so that a link carries it.
(() => {
  const form = document.getElementById("filter");
  if (!form || !form.querySelector("input")) return;
  form.hidden = false;
  const NAMES = ["data", "metric", "latent"];
  const boxes = [...form.querySelectorAll("input")];
  const note = form.querySelector("output");
  const chosen = (name) => boxes.filter((box) => box.name === name && box.checked).map((box) => box.value);
  const sections = [...document.querySelectorAll("main > section")];
  for (const section of sections) {
    const none = document.createElement("p");
    none.className = "note filtered";
    none.textContent = "Nothing here passes the filter.";
    none.hidden = true;
    section.append(none);
  }

  const apply = () => {
    const wanted = Object.fromEntries(NAMES.map((name) => [name, chosen(name)]));
    const passes = (element) => NAMES.every((name) => {
      const own = element.dataset[name];
      if (own === undefined || !wanted[name].length) return true;
      // A data set may be cut into groups, "name, group": what belongs to the whole passes with one.
      return wanted[name].some((value) => value === own || (name === "data" && value.startsWith(`${own}, `)));
    });
    const main = document.getElementById("main");
    for (const element of main.querySelectorAll("[data-data], [data-metric], [data-latent]")) {
      if (element instanceof SVGElement) element.classList.toggle("off", !passes(element));
      else element.hidden = !passes(element);
    }
    // A group of figures of which none is left goes with its heading.
    for (const group of main.querySelectorAll(".group")) {
      if (group.hidden) continue;
      const parts = [...group.querySelectorAll("figure, details.runs, tbody > tr[data-latent], tbody > tr[data-metric]")];
      group.hidden = parts.length > 0 && parts.every((part) => part.hidden || part.closest("[hidden]"));
    }
    for (const section of sections) {
      const parts = [...section.querySelectorAll(".group, article[data-data]")];
      section.querySelector(".filtered").hidden = !parts.length || parts.some((part) => !part.hidden);
    }
    const words = [];
    form.querySelectorAll(".choice").forEach((choice) => {
      const all = [...choice.querySelectorAll("input")];
      const number = all.filter((box) => box.checked).length;
      choice.querySelector(".count").textContent = number ? `${number} of ${all.length}` : "";
      if (number) words.push(all.filter((box) => box.checked).map((box) => box.parentElement.textContent.trim()).join(", "));
    });
    note.textContent = words.length ? `Shown: ${words.join("; ")}. Axes and verdicts stay those of all.` : "";
    form.classList.toggle("on", words.length > 0);
  };

  const write = () => {
    const state = new URLSearchParams();
    for (const name of NAMES) for (const value of chosen(name)) state.append(name, value);
    const text = state.toString();
    // Not every place that shows a page lets it change the address: the filter works without.
    try { history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search); } catch { }
  };
  const read = () => {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return;  // a place in the page
    const state = new URLSearchParams(hash);
    for (const box of boxes) box.checked = state.getAll(box.name).includes(box.value);
    apply();
  };
  form.addEventListener("change", () => { write(); apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { write(); apply(); }));
  addEventListener("hashchange", read);
  // One list of choices at a time; Escape closes it and gives the focus back.
  form.addEventListener("toggle", (event) => {
    if (event.target.open) form.querySelectorAll(".choice[open]").forEach((other) => { if (other !== event.target) other.open = false; });
  }, true);
  form.addEventListener("keydown", (event) => {
    const choice = event.target.closest(".choice[open]");
    if (event.key !== "Escape" || !choice) return;
    choice.open = false;
    choice.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".choice")) form.querySelectorAll(".choice[open]").forEach((choice) => { choice.open = false; });
  });
  read();
})();
