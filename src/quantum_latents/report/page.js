// The theme follows the system until the reader chooses one; set before the first paint.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // A page opened from disk may have no storage: the choice then lasts as long as the page.
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { } };
  const theme = remembered();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  document.addEventListener("click", (event) => {
    if (event.target.closest("#theme")) {
      const current = root.dataset.theme ?? (dark.matches ? "dark" : "light");
      root.dataset.theme = current === "dark" ? "light" : "dark";
      remember(root.dataset.theme);
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; });
    }
  });
})();
