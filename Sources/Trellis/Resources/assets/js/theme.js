// A classic script in the head, so the theme is set before the first paint.
(() => {
  const key = "vintner.theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const system = () => (dark.matches ? "dark" : "light");
  const apply = () => { root.dataset.theme = stored() ?? system(); };

  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === key) apply(); });
  addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-toggle]")) return;
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    // A choice equal to the system theme is not stored, so it keeps following the system.
    try { next === system() ? localStorage.removeItem(key) : localStorage.setItem(key, next); } catch { /* for this page only */ }
  });
})();
