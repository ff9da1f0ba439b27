/* select[data-combobox] becomes a search box that needs no diacritics and offers recent choices.
   The select stays in the page and is what is sent, so forms, drafts and htmx see no difference. */
(function () {
  "use strict";

  const tracker = window.tracker;
  const words = tracker.words;
  const SHOWN = 40;
  const RECENT = 5;
  let made = 0;

  function recentKey(select) { return "recent:" + tracker.user + ":" + (select.dataset.recent || select.name); }

  function recentOf(select) {
    const kept = tracker.store(localStorage, recentKey(select));
    return kept ? JSON.parse(kept) : [];
  }

  function remember(select, value) {
    if (!tracker.user || !value) return;
    const list = [value].concat(recentOf(select).filter(function (other) { return other !== value; })).slice(0, RECENT);
    tracker.store(localStorage, recentKey(select), JSON.stringify(list));
  }

  function label(option) { return option.textContent.replace(/\s+/g, " ").trim(); }

  function enhanceSelect(select) {
    if (select.dataset.comboReady) return;
    select.dataset.comboReady = "1";
    made += 1;
    const listId = "combo-list-" + made;
    const options = Array.from(select.options).filter(function (option) { return option.value !== ""; })
      .map(function (option) { return { option: option, text: label(option), folded: tracker.fold(label(option)) }; });
    const none = Array.from(select.options).find(function (option) { return option.value === ""; });

    const input = tracker.element("input", { type: "text", className: select.className, autocomplete: "off", spellcheck: false });
    input.placeholder = none ? label(none) : words.search_here;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", listId);
    input.setAttribute("aria-autocomplete", "list");
    ["aria-describedby", "aria-invalid", "aria-label"].forEach(function (name) {
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    });
    input.disabled = select.disabled;

    const list = tracker.element("ul", { className: "combo-list", id: listId, hidden: true });
    list.setAttribute("role", "listbox");
    const box = tracker.element("div", { className: "combo" });
    select.before(box);
    box.append(select, input, list);

    /* The label leads to the box now; the select keeps its name and value. */
    const named = select.id;
    const wrap = box.closest("label");
    if (named) {
      input.id = named;
      select.id = named + "-value";
    }
    if (wrap) input.setAttribute("aria-label", wrap.firstElementChild.textContent.trim());
    select.classList.add("combo-native");
    select.tabIndex = -1;
    select.setAttribute("aria-hidden", "true");

    let picked = null;
    if (select.multiple) {
      list.setAttribute("aria-multiselectable", "true");
      picked = tracker.element("ul", { className: "combo-picked" });
      box.prepend(picked);
    }

    let matches = [];
    let active = -1;

    function showChosen() {
      if (picked) {
        picked.replaceChildren.apply(picked, options.filter(function (entry) { return entry.option.selected; }).map(function (entry) {
          const remove = tracker.element("button", { type: "button", textContent: entry.text });
          remove.setAttribute("aria-label", words.remove + " " + entry.text);
          remove.addEventListener("click", function () {
            entry.option.selected = false;
            changed();
            input.focus();
          });
          return tracker.element("li", {}, [remove]);
        }));
        input.value = "";
      } else {
        const chosen = options.find(function (entry) { return entry.option.selected; });
        input.value = chosen ? chosen.text : "";
        input.title = input.value;
      }
    }

    function changed() {
      showChosen();
      select.dispatchEvent(new Event("input", { bubbles: true }));
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function find(text) {
      const wanted = tracker.fold(text).split(" ").filter(Boolean);
      const exact = text.trim().toLowerCase().normalize("NFC");
      const found = options.filter(function (entry) {
        return wanted.every(function (word) { return entry.folded.includes(word); });
      });
      /* What is written with the same marks comes first, then what starts with it. */
      function weight(entry) {
        return (exact && entry.text.toLowerCase().includes(exact) ? 0 : 2) + (entry.folded.startsWith(wanted[0] || "") ? 0 : 1);
      }
      return wanted.length ? found.map(function (entry, index) { return [weight(entry), index, entry]; })
        .sort(function (a, b) { return a[0] - b[0] || a[1] - b[1]; })
        .map(function (row) { return row[2]; }) : found;
    }

    function draw(text) {
      const nodes = [];
      matches = [];
      function add(entry) {
        const node = tracker.element("li", { className: "combo-option", id: listId + "-" + matches.length, textContent: entry.text });
        node.setAttribute("role", "option");
        node.setAttribute("aria-selected", String(entry.option.selected));
        const at = matches.length;
        node.addEventListener("mousedown", function (event) {
          event.preventDefault();
          choose(at);
        });
        matches.push(entry);
        nodes.push(node);
      }
      function note(words_) {
        const node = tracker.element("li", { className: "combo-note", textContent: words_ });
        node.setAttribute("role", "presentation");
        nodes.push(node);
      }
      if (!text) {
        const recent = recentOf(select).map(function (value) {
          return options.find(function (entry) { return entry.option.value === value; });
        }).filter(Boolean);
        if (recent.length && options.length > 8) {
          note(words.recent);
          recent.forEach(add);
          nodes.push(tracker.element("li", { className: "drop-line" }));
          nodes[nodes.length - 1].setAttribute("role", "presentation");
        }
      }
      const found = find(text);
      found.slice(0, SHOWN).forEach(add);
      if (!found.length) note(words.none_found);
      else if (found.length > SHOWN) note(words.more_results + " (" + found.length + " " + words.results + ")");
      list.replaceChildren.apply(list, nodes);
      setActive(text && matches.length ? 0 : -1);
    }

    function setActive(index) {
      active = index;
      list.querySelectorAll(".combo-option").forEach(function (node, at) { node.classList.toggle("is-active", at === index); });
      const node = index >= 0 ? document.getElementById(listId + "-" + index) : null;
      if (node) {
        input.setAttribute("aria-activedescendant", node.id);
        node.scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    }

    function openList(text) {
      draw(text);
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    }

    function closeList() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function choose(index) {
      const entry = matches[index];
      if (!entry) return;
      if (select.multiple) entry.option.selected = !entry.option.selected;
      else select.value = entry.option.value;
      remember(select, entry.option.value);
      changed();
      if (select.multiple) draw("");
      else closeList();
    }

    input.addEventListener("focus", function () { input.select(); });
    input.addEventListener("click", function () { if (list.hidden) openList(""); });
    input.addEventListener("input", function (event) {
      event.stopPropagation();
      openList(input.value);
    });
    input.addEventListener("change", function (event) { event.stopPropagation(); });
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) openList("");
        else if (matches.length) setActive((active + (event.key === "ArrowDown" ? 1 : -1) + matches.length) % matches.length);
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        if (active >= 0) choose(active);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        showChosen();
        closeList();
      } else if (event.key === "Backspace" && select.multiple && !input.value) {
        const chosen = options.filter(function (entry) { return entry.option.selected; }).pop();
        if (chosen) {
          chosen.option.selected = false;
          changed();
        }
      }
    });
    input.addEventListener("blur", function () {
      /* An emptied box means no choice, where there may be none. */
      if (!select.multiple && !input.value.trim() && none && select.value !== "") {
        select.value = "";
        changed();
      }
      showChosen();
      closeList();
    });
    select.addEventListener("change", showChosen);
    showChosen();
  }

  tracker.enhancers.push(function (place) { place.querySelectorAll("select[data-combobox]").forEach(enhanceSelect); });
})();
