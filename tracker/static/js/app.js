/* Small helps for every page. Everything here only adds to what works without it.
   Words come from the body's data-words; behaviour hangs on data-attributes. */
(function () {
  "use strict";

  const root = document.documentElement;
  const body = document.body;
  const words = JSON.parse(body.dataset.words || "{}");
  const user = body.dataset.user || "";
  root.classList.add("js");

  const tracker = {
    words: words,
    user: user,
    /** Lower case without marks, đ as d: the way people type when they search. */
    fold: function (text) {
      return text.toLowerCase().replace(/[đð]/g, "d").normalize("NFD")
        .replace(/[\u0300-\u036f]/g, "").replace(/\s+/g, " ").trim();
    },
    iconUrl: function () {
      const use = document.querySelector("svg.icon use");
      return use ? use.getAttribute("href").split("#")[0] : "";
    },
    icon: function (name, size) {
      const space = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(space, "svg");
      const use = document.createElementNS(space, "use");
      svg.setAttribute("class", "icon");
      svg.setAttribute("width", String(size || 20));
      svg.setAttribute("height", String(size || 20));
      svg.setAttribute("aria-hidden", "true");
      use.setAttribute("href", tracker.iconUrl() + "#" + name);
      svg.append(use);
      return svg;
    },
    element: function (tag, properties, children) {
      const node = Object.assign(document.createElement(tag), properties || {});
      (children || []).forEach(function (child) { node.append(child); });
      return node;
    },
    store: function (area, key, value) {
      /* Storage can be full or forbidden; nothing that matters rests on it. */
      try {
        if (value === undefined) return area.getItem(key);
        if (value === null) area.removeItem(key);
        else area.setItem(key, value);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
      }
      return null;
    },
    toast: toast,
    enhancers: [],
  };
  window.tracker = tracker;

  /* ------------------------------------------------------------ toasts */

  function toast(message) {
    const text = typeof message === "string" ? message : message.text || message.value;
    if (!text) return;
    let live = document.querySelector(".toast-live");
    if (!live) {
      live = tracker.element("div", { className: "toast-live" });
      live.setAttribute("role", "status");
      live.setAttribute("aria-live", "polite");
      body.append(live);
    }
    const tone = message.tone || "info";
    const close = tracker.element("button", { type: "button", className: "btn btn-quiet btn-icon" }, [tracker.icon("close", 16)]);
    close.setAttribute("aria-label", words.close);
    close.dataset.toastClose = "";
    const line = tracker.element("div", { className: "toast-line toast-" + tone }, [
      tracker.icon({ done: "check-circle", wait: "clock" }[tone] || "info"),
      tracker.element("p", { textContent: text }),
    ]);
    if (message.url) {
      const form = tracker.element("form", { method: "post", action: message.url });
      const csrf = document.querySelector("input[name=csrf_token]");
      form.append(tracker.element("input", { type: "hidden", name: "csrf_token", value: csrf ? csrf.value : "" }));
      form.append(tracker.element("button", { type: "submit", className: "btn btn-quiet", textContent: message.label || words.undo }));
      line.append(form);
    }
    line.append(close);
    live.append(line);
    /* What can be undone stays until it is closed. */
    if (!message.url && tone !== "wait") {
      window.setTimeout(function () { if (!line.contains(document.activeElement)) line.remove(); }, 7000);
    }
  }

  document.addEventListener("click", function (event) {
    const close = event.target.closest("[data-toast-close]");
    if (close) close.closest(".toast-line").remove();
  });

  body.addEventListener("toast", function (event) { toast(event.detail || {}); });

  /* A page that is shown anew keeps its place: what it has to say must not stay above the screen. */
  function sayAgain() {
    const said = document.querySelector("#toasts .toast-line");
    const bar = document.querySelector(".topbar");
    if (!said || !bar || said.getBoundingClientRect().top >= bar.getBoundingClientRect().bottom) return;
    document.querySelectorAll("#toasts .toast-line").forEach(function (line) {
      const tone = ["done", "wait"].find(function (one) { return line.classList.contains("toast-" + one); });
      toast({ text: line.querySelector("p").textContent, tone: tone });
    });
  }

  /* The browser puts a page back to its place after it was loaded. */
  window.addEventListener("load", function () {
    window.requestAnimationFrame(function () { window.requestAnimationFrame(sayAgain); });
  });

  /* ------------------------------------------------------------ menu, search, drops */

  document.addEventListener("click", function (event) {
    const fold = event.target.closest("[data-menu-fold]");
    if (fold) {
      const folded = root.dataset.menu !== "folded";
      root.dataset.menu = folded ? "folded" : "open";
      fold.setAttribute("aria-expanded", String(!folded));
      document.cookie = "menu=" + (folded ? "folded" : "open") + ";path=/;max-age=31536000;samesite=lax" +
        (location.protocol === "https:" ? ";secure" : "");
    }
    if (event.target.closest("[data-drop-close]")) {
      const drop = event.target.closest("details");
      drop.open = false;
      drop.querySelector("summary").focus();
    }
    document.querySelectorAll("details[data-drop][open]").forEach(function (drop) {
      if (!drop.contains(event.target)) drop.open = false;
    });
    if (event.target.closest("[data-print]")) window.print();
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) {
      navigator.clipboard.writeText(copy.dataset.copy).then(function () { toast({ text: words.copied, tone: "done" }); });
    }
    const reveal = event.target.closest("[data-reveal]");
    if (reveal) {
      const field = document.getElementById(reveal.dataset.reveal);
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      reveal.setAttribute("aria-pressed", String(shown));
    }
  });

  document.addEventListener("keydown", function (event) {
    const target = event.target;
    const typing = target.closest && target.closest("input, textarea, select, [contenteditable=true]");
    const wantsSearch = (event.key === "/" && !typing && !event.ctrlKey && !event.altKey && !event.metaKey) ||
      ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k");
    if (wantsSearch) {
      const search = document.querySelector("[data-search]");
      if (search && search.offsetParent !== null) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
    if (event.key === "Escape") {
      const drop = document.querySelector("details[data-drop][open]");
      if (drop) {
        drop.open = false;
        drop.querySelector("summary").focus();
      } else if (!event.defaultPrevented && panel && panel.childElementCount) {
        closePanel();
      }
    }
  });

  /* ------------------------------------------------------------ side panel */

  const panel = document.getElementById("panel");
  let panelOpener = null;

  function markRow(opener) {
    document.querySelectorAll("tr.is-current, .task-row.is-current").forEach(function (row) { row.classList.remove("is-current"); });
    const row = opener && opener.closest("tr, .task-row");
    if (row) row.classList.add("is-current");
  }

  function closePanel() {
    const form = panel.querySelector("form[data-guard]");
    if (form && isDirty(form) && !window.confirm(words.leave)) return;
    panel.replaceChildren();
    body.classList.remove("has-panel");
    markRow(null);
    if (panelOpener && panelOpener.isConnected) panelOpener.focus();
    panelOpener = null;
  }

  if (panel) {
    document.addEventListener("click", function (event) {
      const close = event.target.closest("[data-panel-close]");
      /* A panel that came with the page is closed by its link, one opened in place by us. */
      if (close && panel.contains(close) && panelOpener) {
        event.preventDefault();
        closePanel();
      }
    });
    body.addEventListener("panel-close", closePanel);
  }

  /* ------------------------------------------------------------ busy buttons */

  function setBusy(button, busy) {
    if (!button || button.closest("[data-no-busy]")) return;
    if (busy) {
      button.style.minWidth = button.offsetWidth + "px";
      button.setAttribute("aria-busy", "true");
    } else {
      button.removeAttribute("aria-busy");
      button.style.minWidth = "";
    }
  }

  function submitterOf(event) {
    return event.submitter || event.target.querySelector("button[type=submit], button:not([type])");
  }

  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (event.defaultPrevented) return;
    const button = submitterOf(event);
    if (button && button.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    if (form.matches("[data-logout]")) forgetEverything();
    form.dataset.sent = "1";
    if (form.dataset.draft) tracker.store(sessionStorage, draftKey(form) + ":sent", "1");
    if (form.matches("[hx-post], [hx-get], [hx-put], [hx-patch], [hx-delete]")) return;
    if (!form.matches("[data-no-busy]")) setBusy(button, true);
  });

  window.addEventListener("pageshow", function () {
    document.querySelectorAll(".btn[aria-busy=true]").forEach(function (button) { setBusy(button, false); });
  });

  /* ------------------------------------------------------------ what was typed is safe */

  const SKIP = ["password", "hidden", "file", "submit", "button"];

  function valuesOf(form) {
    const values = {};
    Array.from(form.elements).forEach(function (field) {
      if (!field.name || field.disabled || SKIP.includes(field.type) || field.closest("[data-no-draft]")) return;
      if (field.type === "checkbox" || field.type === "radio") {
        if (field.checked) (values[field.name] = values[field.name] || []).push(field.value);
        else values[field.name] = values[field.name] || [];
      } else if (field.type === "select-multiple") {
        values[field.name] = Array.from(field.selectedOptions).map(function (option) { return option.value; });
      } else {
        (values[field.name] = values[field.name] || []).push(field.value);
      }
    });
    return values;
  }

  function isDirty(form) {
    return form.dataset.start !== undefined && !form.dataset.sent && JSON.stringify(valuesOf(form)) !== form.dataset.start;
  }

  function draftKey(form) {
    return "draft:" + user + ":" + location.pathname + ":" + form.dataset.draft;
  }

  function putBack(form, values) {
    Object.keys(values).forEach(function (name) {
      const fields = Array.from(form.elements).filter(function (field) { return field.name === name && !SKIP.includes(field.type); });
      fields.forEach(function (field, index) {
        if (field.type === "checkbox" || field.type === "radio") field.checked = values[name].includes(field.value);
        else if (field.type === "select-multiple") {
          Array.from(field.options).forEach(function (option) { option.selected = values[name].includes(option.value); });
        } else if (values[name][index] !== undefined) field.value = values[name][index];
        field.dispatchEvent(new Event("change", { bubbles: true }));
      });
    });
  }

  function keepForm(form) {
    if (form.dataset.start !== undefined) return;
    form.dataset.start = JSON.stringify(valuesOf(form));
    if (!form.dataset.draft || !user) return;
    const key = draftKey(form);
    const kept = tracker.store(sessionStorage, key);
    const refused = form.querySelector("[aria-invalid=true], .error-summary") || document.querySelector(".error-summary");
    if (kept && !refused) {
      const draft = JSON.parse(kept);
      if (JSON.stringify(draft.values) !== form.dataset.start) {
        const clean = JSON.parse(form.dataset.start);
        putBack(form, draft.values);
        const drop = tracker.element("button", { type: "button", className: "btn btn-quiet btn-sm", textContent: words.draft_drop });
        const note = tracker.element("div", { className: "toast-line toast-info" }, [
          tracker.icon("history"), tracker.element("p", { textContent: words.draft_back + " " + draft.at }), drop,
        ]);
        note.setAttribute("role", "status");
        drop.addEventListener("click", function () {
          tracker.store(sessionStorage, key, null);
          putBack(form, clean);
          note.remove();
        });
        form.prepend(note);
      }
    }
    let timer = 0;
    form.addEventListener("input", function () {
      delete form.dataset.sent;
      window.clearTimeout(timer);
      timer = window.setTimeout(function () {
        if (!isDirty(form)) {
          tracker.store(sessionStorage, key, null);
          return;
        }
        const at = new Date().toTimeString().slice(0, 5);
        tracker.store(sessionStorage, key, JSON.stringify({ at: at, values: valuesOf(form) }));
        const note = form.querySelector("[data-draft-note]");
        if (note) {
          note.hidden = false;
          note.textContent = words.draft_kept + " " + at;
        }
      }, 600);
    });
  }

  /* A draft that was sent and did not come back with errors has done its work. */
  function dropSentDrafts() {
    const refused = document.querySelector(".error-summary, [aria-invalid=true]");
    for (let index = sessionStorage.length - 1; index >= 0; index -= 1) {
      const key = sessionStorage.key(index);
      if (key.startsWith("draft:") && !key.startsWith("draft:" + user + ":")) sessionStorage.removeItem(key);
      else if (key.startsWith("draft:") && key.endsWith(":sent")) {
        if (!refused) sessionStorage.removeItem(key.slice(0, -5));
        sessionStorage.removeItem(key);
      }
    }
  }

  /* Nothing that a person typed stays in the browser after signing out. */
  function forgetEverything() {
    [sessionStorage, localStorage].forEach(function (area) {
      Object.keys(area).forEach(function (key) {
        if (key.startsWith("draft:") || key.startsWith("recent:")) area.removeItem(key);
      });
    });
  }

  window.addEventListener("beforeunload", function (event) {
    const dirty = Array.from(document.querySelectorAll("form[data-guard]")).some(isDirty);
    if (dirty) {
      event.preventDefault();
      event.returnValue = words.leave;
    }
  });

  /* ------------------------------------------------------------ lists: picking and trees */

  function bulkOf(node) { return node.closest("[data-bulk]"); }

  function refreshBulk(bulk) {
    const boxes = Array.from(bulk.querySelectorAll("[data-check]"));
    const picked = boxes.filter(function (box) { return box.checked; });
    boxes.forEach(function (box) {
      const row = box.closest("tr, .task-row");
      if (row) row.classList.toggle("is-selected", box.checked);
    });
    const all = bulk.querySelector("[data-check-all]");
    if (all) {
      all.checked = boxes.length > 0 && picked.length === boxes.length;
      all.indeterminate = picked.length > 0 && picked.length < boxes.length;
    }
    const bar = bulk.querySelector("[data-bulk-bar]");
    if (bar) bar.hidden = picked.length === 0;
    bulk.querySelectorAll("[data-bulk-count]").forEach(function (place) {
      place.textContent = picked.length.toLocaleString(root.lang === "en" ? "en-GB" : "vi-VN");
    });
  }

  let lastBox = null;
  document.addEventListener("click", function (event) {
    const box = event.target.closest("[data-check]");
    if (box && bulkOf(box)) {
      const boxes = Array.from(bulkOf(box).querySelectorAll("[data-check]"));
      if (event.shiftKey && lastBox && boxes.includes(lastBox)) {
        const ends = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort(function (a, b) { return a - b; });
        boxes.slice(ends[0], ends[1] + 1).forEach(function (other) { other.checked = box.checked; });
      }
      lastBox = box;
      refreshBulk(bulkOf(box));
    }
    const clear = event.target.closest("[data-bulk-clear]");
    if (clear && bulkOf(clear)) {
      bulkOf(clear).querySelectorAll("[data-check]").forEach(function (other) { other.checked = false; });
      refreshBulk(bulkOf(clear));
    }
    const toggle = event.target.closest("[data-tree-toggle]");
    if (toggle) {
      toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") !== "true"));
      refreshTree(toggle.closest("[data-tree]"));
    }
  });

  function refreshTree(table) {
    let hiddenBelow = Infinity;
    table.querySelectorAll("tr[data-level]").forEach(function (row) {
      const level = Number(row.dataset.level);
      if (level <= hiddenBelow) hiddenBelow = Infinity;
      row.hidden = level > hiddenBelow;
      const toggle = row.querySelector("[data-tree-toggle]");
      if (!row.hidden && toggle && toggle.getAttribute("aria-expanded") === "false") hiddenBelow = level;
    });
  }

  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.matches("[data-check-all]") && bulkOf(field)) {
      bulkOf(field).querySelectorAll("[data-check]").forEach(function (box) { box.checked = field.checked; });
      refreshBulk(bulkOf(field));
    }
    // What has no name is not sent: it only folds the other fields.
    const auto = field.name && field.matches("select, input[type=checkbox], input[type=radio]") && field.closest("form[data-auto]");
    if (auto) auto.submit();
    if (field.dataset.rangeFor) setRange(field);
  });

  /* ------------------------------------------------------------ numbers */

  function setRange(range) {
    const field = document.getElementById(range.dataset.rangeFor);
    field.value = range.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("input", function (event) {
    const field = event.target;
    if (field.dataset.rangeFor) setRange(field);
    else if (field.id) {
      const range = document.querySelector('[data-range-for="' + CSS.escape(field.id) + '"]');
      if (range && range.value !== field.value) range.value = field.value || 0;
    }
    if (field.matches("[data-autosize]")) autosize(field);
  });

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const field = button.closest("[data-stepper]").querySelector("input");
    const least = field.min === "" ? -Infinity : Number(field.min);
    const most = field.max === "" ? Infinity : Number(field.max);
    field.value = Math.min(most, Math.max(least, (Number(field.value) || 0) + Number(button.dataset.step)));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  function autosize(area) {
    const needed = area.scrollHeight + area.offsetHeight - area.clientHeight;
    if (area.scrollHeight > area.clientHeight) area.style.height = Math.min(needed, 480) + "px";
  }

  /* ------------------------------------------------------------ htmx */

  body.addEventListener("htmx:before:request", function (event) {
    const source = event.detail.ctx.sourceElement;
    const submitter = source.matches("form") ? (event.detail.ctx.submitter || source.querySelector(".btn-primary[type=submit]")) : source.closest(".btn");
    setBusy(submitter, true);
    event.detail.ctx.busyButton = submitter;
  });

  body.addEventListener("htmx:finally:request", function (event) {
    if (event.detail.ctx.busyButton) setBusy(event.detail.ctx.busyButton, false);
  });

  body.addEventListener("htmx:after:request", function (event) {
    const ctx = event.detail.ctx;
    const source = ctx.sourceElement;
    const response = ctx.response && ctx.response.raw;
    if (!response || !response.ok) return;
    const form = source.closest("form");
    if (form && form.dataset.start !== undefined && ctx.request.method !== "GET") {
      form.dataset.start = JSON.stringify(valuesOf(form));
      if (form.dataset.draft) tracker.store(sessionStorage, draftKey(form), null);
    }
    const place = source.closest("[data-saves]") || form;
    const mark = place && place.querySelector("[data-saved]");
    if (mark) mark.hidden = false;
  });

  body.addEventListener("htmx:response:error", function (event) {
    if (event.detail.ctx.sourceElement.closest("[data-quiet]")) return;
    const response = event.detail.ctx.response.raw;
    if (response.headers.get("HX-Trigger")) return;
    if (response.status === 409 || response.status === 422) return;
    if (response.status === 401) toast({ text: words.signed_out, tone: "wait" });
    else if (response.status === 429) toast({ text: words.too_many, tone: "wait" });
    else toast({ text: words.failed, tone: "wait" });
  });

  body.addEventListener("htmx:error", function (event) {
    const ctx = event.detail.ctx;
    // What a page asks by itself fails in silence: nobody waits for it, and it asks again.
    if (ctx && ctx.sourceElement && ctx.sourceElement.closest("[data-quiet]")) return;
    if (ctx && !ctx.response) toast({ text: words.offline, tone: "wait" });
  });

  document.addEventListener("htmx:after:swap", function (event) {
    const ctx = event.detail && event.detail.ctx;
    const target = ctx && typeof ctx.target === "string" ? document.querySelector(ctx.target) : ctx && ctx.target;
    enhance(target && target.isConnected ? target : body);
    if (panel) body.classList.toggle("has-panel", panel.childElementCount > 0);
    if (panel && target === panel && panel.childElementCount) {
      const source = ctx.sourceElement;
      if (!panel.contains(source)) {
        panelOpener = source;
        markRow(source);
      }
      const focusOn = panel.querySelector(".error-summary, #panel-title");
      if (focusOn) focusOn.focus();
    }
  });

  /* ------------------------------------------------------------ start */

  /* A line of tabs or chips scrolls sideways on a phone: what is chosen stands in its middle. */
  function bringIntoSight(chosen) {
    const line = chosen.parentElement;
    line.scrollLeft = chosen.offsetLeft - line.offsetLeft - (line.clientWidth - chosen.offsetWidth) / 2;
  }

  function enhance(place) {
    place.querySelectorAll("form[data-guard], form[data-draft]").forEach(keepForm);
    place.querySelectorAll("textarea[data-autosize]").forEach(autosize);
    place.querySelectorAll("[data-bulk]").forEach(refreshBulk);
    place.querySelectorAll(".tabs > [aria-current], .choice-chips > [aria-current]").forEach(bringIntoSight);
    if (place.closest && place.closest("[data-bulk]")) refreshBulk(place.closest("[data-bulk]"));
    tracker.enhancers.forEach(function (work) { work(place); });
  }

  tracker.enhance = enhance;
  dropSentDrafts();
  document.addEventListener("DOMContentLoaded", function () {
    enhance(body);
    const first = document.querySelector("[data-autofocus]");
    if (first) first.focus();
  });
})();
