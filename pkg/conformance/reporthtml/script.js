// The page is complete without this: it filters, searches, remembers the
// colours that were chosen, and opens what a link points at.
(function () {
  "use strict";
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var kept = null;
  try { kept = localStorage.getItem("airworthy-theme"); } catch (e) { /* storage may be closed to files */ }
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  function isDark() { return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches; }
  function all(selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); }

  function theme(button) {
    function name() { button.textContent = isDark() ? "Light" : "Dark"; }
    button.hidden = false;
    name();
    dark.addEventListener("change", name);
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("airworthy-theme", root.dataset.theme); } catch (e) { /* as above */ }
      name();
    });
  }

  function copy(button) {
    var text = button.parentNode.querySelector("pre");
    button.hidden = false;
    button.addEventListener("click", function () {
      window.getSelection().selectAllChildren(text);
      if (!navigator.clipboard) return;
      navigator.clipboard.writeText(text.textContent).then(function () { button.textContent = "Copied"; }, function () {});
    });
  }

  function list(tools) {
    var checks = all("details.check"), buttons = all("[data-filter]"), search = tools.querySelector("[data-search]");
    var shown = tools.querySelector("[data-shown]"), outcome = "", texts = new Map();

    function text(check) {
      if (!texts.has(check)) texts.set(check, check.textContent.toLowerCase());
      return texts.get(check);
    }
    function apply() {
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), n = 0;
      checks.forEach(function (check) {
        var keep = (!outcome || check.dataset.outcome === outcome) && words.every(function (w) { return text(check).includes(w); });
        check.hidden = !keep;
        if (keep) n++;
      });
      all("[data-area]").forEach(function (area) { area.hidden = !area.querySelector("details.check:not([hidden])"); });
      buttons.forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.filter === outcome)); });
      shown.textContent = n === checks.length ? "" : n + " of " + checks.length + " checks shown";
    }
    function follow() {
      var target = null;
      try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (e) { return; }
      if (!target || !target.matches("details.check")) return;
      if (target.hidden) { outcome = ""; search.value = ""; apply(); }
      target.open = true;
      target.scrollIntoView();
    }
    tools.hidden = false;
    var timer = 0;
    search.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(apply, 120); });
    buttons.forEach(function (b) { b.addEventListener("click", function () { outcome = b.dataset.filter; apply(); }); });
    all("[data-open]").forEach(function (b) {
      b.addEventListener("click", function () {
        checks.forEach(function (check) { if (!check.hidden) check.open = b.dataset.open === "true"; });
      });
    });
    document.addEventListener("keydown", function (e) {
      if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input")) return;
      e.preventDefault();
      search.focus();
    });
    window.addEventListener("hashchange", follow);
    follow();
  }

  document.addEventListener("DOMContentLoaded", function () {
    all("[data-theme-switch]").forEach(theme);
    all("[data-copy]").forEach(copy);
    all("[data-tools]").forEach(list);
  });
})();
