// Before the page is drawn: light or dark, as chosen here, otherwise as the system says.
(() => {
  const wanted = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const apply = () => document.documentElement.setAttribute("data-bs-theme", kept() || (wanted.matches ? "dark" : "light"));
  apply();
  document.documentElement.classList.add("js");
  wanted.addEventListener("change", apply);
  window.toggleTheme = () => {
    const next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", next); } catch { /* a browser that keeps nothing: for this page only */ }
    document.documentElement.setAttribute("data-bs-theme", next);
  };
})();
