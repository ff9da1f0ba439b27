/* A calendar beside a dd/mm/yyyy text field: [data-date] with a button [data-date-button=id].
   Typing stays the quickest way; 5/9/26, 5.9.2026 and 05-09-2026 are put into shape on leaving. */
(function () {
  "use strict";

  const tracker = window.tracker;
  const words = tracker.words;
  const months = (words.months || "").split("|");
  const weekdays = (words.weekdays || "").split("|");
  const weekdaysLong = (words.weekdays_long || "").split("|");
  let open = null;

  function two(number) { return String(number).padStart(2, "0"); }
  function write(date) { return two(date.getDate()) + "/" + two(date.getMonth() + 1) + "/" + date.getFullYear(); }
  function same(a, b) { return Boolean(a && b) && a.toDateString() === b.toDateString(); }

  function today() {
    const parts = (document.body.dataset.today || "").split("-").map(Number);
    return parts.length === 3 ? new Date(parts[0], parts[1] - 1, parts[2]) : new Date();
  }

  function read(text) {
    const match = /^\s*(\d{1,2})[\s/.-](\d{1,2})(?:[\s/.-](\d{2}|\d{4}))?\s*$/.exec(text);
    if (!match) return null;
    const year = match[3] === undefined ? today().getFullYear() : match[3].length === 2 ? 2000 + Number(match[3]) : Number(match[3]);
    const date = new Date(year, Number(match[2]) - 1, Number(match[1]));
    return date.getMonth() === Number(match[2]) - 1 && date.getDate() === Number(match[1]) ? date : null;
  }

  function set(field, text) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function close(refocus) {
    if (!open) return;
    open.box.remove();
    open.button.setAttribute("aria-expanded", "false");
    if (refocus) open.button.focus();
    open = null;
  }

  function show(button) {
    const field = document.getElementById(button.dataset.dateButton);
    const chosen = read(field.value);
    const box = tracker.element("div", { className: "calendar-pop" });
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "false");
    box.setAttribute("aria-label", words.calendar);
    const holder = button.closest(".joined").parentElement;
    holder.style.position = "relative";
    holder.append(box);
    const joined = button.closest(".joined");
    box.style.top = joined.offsetTop + joined.offsetHeight + 4 + "px";
    box.style.left = joined.offsetLeft + "px";
    open = { box: box, button: button, field: field, chosen: chosen, at: chosen || today() };
    button.setAttribute("aria-expanded", "true");
    draw(true);
    const over = box.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) box.style.left = joined.offsetLeft - over + "px";
  }

  function iconButton(name, label, work) {
    const button = tracker.element("button", { type: "button", className: "btn btn-quiet btn-icon btn-sm" }, [tracker.icon(name, 18)]);
    button.setAttribute("aria-label", label);
    button.addEventListener("click", function (event) { event.stopPropagation(); work(); });
    return button;
  }

  function move(days, monthsBy) {
    const at = open.at;
    if (monthsBy) {
      const last = new Date(at.getFullYear(), at.getMonth() + monthsBy + 1, 0).getDate();
      open.at = new Date(at.getFullYear(), at.getMonth() + monthsBy, Math.min(at.getDate(), last));
    } else {
      open.at = new Date(at.getFullYear(), at.getMonth(), at.getDate() + days);
    }
  }

  function draw(focusDay) {
    const at = open.at;
    const heading = tracker.element("span", { textContent: months[at.getMonth()] + " " + at.getFullYear() });
    heading.setAttribute("aria-live", "polite");
    const head = tracker.element("div", { className: "calendar-head" }, [
      iconButton("chevron-left", words.prev_month, function () { move(0, -1); draw(true); }),
      heading,
      iconButton("chevron-right", words.next_month, function () { move(0, 1); draw(true); }),
    ]);
    const headRow = tracker.element("tr", {}, weekdays.map(function (name, index) {
      const cell = tracker.element("th", { textContent: name, scope: "col" });
      cell.setAttribute("abbr", weekdaysLong[index]);
      return cell;
    }));
    const table = tracker.element("table", {}, [tracker.element("thead", {}, [headRow])]);
    table.setAttribute("role", "grid");
    const rows = tracker.element("tbody");
    const first = new Date(at.getFullYear(), at.getMonth(), 1);
    const start = new Date(first.getFullYear(), first.getMonth(), 1 - (first.getDay() + 6) % 7);
    for (let week = 0; week < 6; week += 1) {
      const row = tracker.element("tr");
      for (let day = 0; day < 7; day += 1) {
        const date = new Date(start.getFullYear(), start.getMonth(), start.getDate() + week * 7 + day);
        const button = tracker.element("button", { type: "button", className: "calendar-day", textContent: String(date.getDate()) });
        if (date.getMonth() !== at.getMonth()) button.classList.add("is-other");
        if (same(date, today())) {
          button.classList.add("is-today");
          button.setAttribute("aria-current", "date");
        }
        button.setAttribute("aria-selected", String(same(date, open.chosen)));
        button.setAttribute("aria-label", weekdaysLong[day] + " " + write(date));
        button.tabIndex = same(date, at) ? 0 : -1;
        button.addEventListener("click", function () { choose(date); });
        const cell = tracker.element("td", {}, [button]);
        cell.setAttribute("role", "gridcell");
        row.append(cell);
      }
      rows.append(row);
    }
    table.append(rows);
    const now = tracker.element("button", { type: "button", className: "btn btn-quiet btn-sm", textContent: words.today });
    now.addEventListener("click", function () { choose(today()); });
    const clear = tracker.element("button", { type: "button", className: "btn btn-quiet btn-sm", textContent: words.clear });
    clear.addEventListener("click", function () { set(open.field, ""); close(true); });
    open.box.replaceChildren(head, table, tracker.element("div", { className: "calendar-foot" }, [now, clear]));
    if (focusDay) open.box.querySelector('.calendar-day[tabindex="0"]').focus();
  }

  function choose(date) {
    set(open.field, write(date));
    close(true);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-date-button]");
    if (button) {
      const wasOpen = open && open.button === button;
      close(false);
      if (!wasOpen) show(button);
    } else if (open && event.target.isConnected && !open.box.contains(event.target)) close(false);
  });

  document.addEventListener("keydown", function (event) {
    if (!open || !open.box.contains(event.target)) return;
    const days = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
    if (event.key === "Escape") {
      event.preventDefault();
      close(true);
      return;
    }
    if (!event.target.classList.contains("calendar-day")) return;
    if (days) move(days, 0);
    else if (event.key === "PageUp") move(0, event.shiftKey ? -12 : -1);
    else if (event.key === "PageDown") move(0, event.shiftKey ? 12 : 1);
    else if (event.key === "Home") move(-((open.at.getDay() + 6) % 7), 0);
    else if (event.key === "End") move(6 - (open.at.getDay() + 6) % 7, 0);
    else return;
    event.preventDefault();
    draw(true);
  });

  document.addEventListener("focusout", function (event) {
    if (event.target.matches && event.target.matches("[data-date]") && event.target.value.trim()) {
      const date = read(event.target.value);
      if (date && event.target.value !== write(date)) set(event.target, write(date));
    }
    if (open && open.box.contains(event.target) && event.relatedTarget && !open.box.contains(event.relatedTarget)) close(false);
  });
})();
