"use strict";
// Everything here is a convenience: without it the pages read the same.
(() => {
  const one = (choice) => document.querySelector(choice);
  const all = (choice) => [...document.querySelectorAll(choice)];
  const THEMES = ["auto", "light", "dark"];

  const kept = { // A browser may refuse storage to a page from a file.
    get: () => { try { return localStorage.getItem("theme") } catch { return null } },
    set: (name) => { try { localStorage.setItem("theme", name) } catch { /* for this page only */ } },
  };

  function theme() {
    const button = one("#theme");
    let name = THEMES.includes(kept.get()) ? kept.get() : "auto";
    const show = () => {
      if (name === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = name;
      button.textContent = `Theme: ${name}`;
    };
    button.addEventListener("click", () => {
      name = THEMES[(THEMES.indexOf(name) + 1) % THEMES.length];
      kept.set(name);
      show();
    });
    button.hidden = false;
    show();
  }

  function copying() {
    for (const button of all("[data-copy]")) {
      button.hidden = !navigator.clipboard;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    }
  }

  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text, wanted) => wanted.every((word) => text.includes(word));

  function finding() {
    const form = one(".find");
    if (!form) return;
    const input = one("#find");
    const rows = all("#rows > tr");
    const index = one("#index") ? JSON.parse(one("#index").textContent) : [];
    const states = all("[name=state]");
    const only = all("[name=only]");

    const look = () => {
      const wanted = words(input.value);
      const allowed = states.filter((box) => box.checked).map((box) => box.value);
      const flags = only.filter((box) => box.checked).map((box) => box.value);
      let seen = 0;
      for (const row of rows) {
        const shown = fits(row.dataset.text, wanted)
          && (!states.length || allowed.includes(row.dataset.state))
          && flags.every((flag) => row.dataset.only.split(" ").includes(flag));
        row.hidden = !shown;
        seen += shown;
      }
      const noun = states.length ? "versions" : "fields";
      one("#found").textContent = seen === rows.length ? `${seen} ${noun}` : `${seen} of ${rows.length} ${noun}`;
      hits(wanted);
    };

    const hits = (wanted) => {
      const section = one("#hits");
      if (!section) return;
      const found = wanted.length ? index.filter((row) => fits(row[3], wanted)).slice(0, 30) : [];
      section.querySelector("ol").replaceChildren(...found.map(([href, title, path]) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = href;
        const code = document.createElement("code");
        code.textContent = path;
        link.append(code);
        item.append(link, ` in ${title}`);
        return item;
      }));
      section.hidden = !found.length;
    };

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", look);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      input.value = "";
      look();
    });
    form.hidden = false;
    input.value = new URLSearchParams(location.search).get("find") ?? ""; // a search to pass on
    look();
  }

  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
  theme();
  copying();
  finding();
})();
