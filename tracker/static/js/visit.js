/* The record of a visit: every answer is sent as soon as it is given. What cannot be sent (weak
   signal, server away, signed out) is kept in memory and in this tab's storage, shown as a count,
   and sent again by itself. Only the newest answer of each form is kept, and forms are sent one
   after the other, so an old answer never overtakes a newer one. Without this script each form has
   a button of its own. */
(function () {
  "use strict";

  const tracker = window.tracker;
  const RETRY = 8000;
  const TYPING = 1200;
  const LONGEST_WAIT = 15000;

  /* ------------------------------------------------------------ the queue */

  const banner = document.getElementById("unsent");
  if (banner) startQueue(banner);

  function startQueue(banner) {
    /* 'draft:' and the person's name: the keys that signing out clears. */
    const key = "draft:" + tracker.user + ":" + banner.dataset.queueOwner;
    const kept = tracker.store(sessionStorage, key);
    const waiting = new Map(kept ? JSON.parse(kept) : []);
    const timers = new Map();
    let sending = null;
    let retry = 0;
    let signedOut = false;

    function keep() {
      tracker.store(sessionStorage, key, waiting.size ? JSON.stringify(Array.from(waiting)) : null);
      const left = waiting.size;
      /* An answer on its way is not yet news; one that failed is. */
      banner.hidden = left === 0 || !(retry || signedOut);
      banner.textContent = signedOut ? banner.dataset.signedOut
        : left === 1 ? banner.dataset.one : banner.dataset.many.replace("{n}", String(left));
    }

    function formOf(name) {
      return document.querySelector('form[data-queue="' + CSS.escape(name) + '"]');
    }

    function valuesOf(form) {
      return Array.from(new FormData(form)).filter(function (pair) {
        return pair[0] !== "csrf_token" && typeof pair[1] === "string";
      });
    }

    function put(form) {
      window.clearTimeout(timers.get(form));
      timers.delete(form);
      waiting.set(form.dataset.queue, { url: form.getAttribute("action"), values: valuesOf(form) });
      say(form, banner.dataset.sending, "");
      keep();
      send();
    }

    function say(form, text, tone) {
      const mark = form && form.querySelector("[data-queue-mark]");
      if (!mark) return;
      mark.className = "saved-mark" + (tone ? " " + tone : "");
      mark.textContent = text;
    }

    function done(form) {
      const mark = form && form.querySelector("[data-queue-mark]");
      if (!mark) return;
      mark.className = "saved-mark";
      mark.replaceChildren();
      if (mark.dataset.done) mark.append(tracker.icon("check", 16), " " + mark.dataset.done);
    }

    /* What the server has now is what the next answer is compared with. */
    function nowShown(form, values) {
      const sent = new Map(values);
      form.querySelectorAll("input[name^=was_]").forEach(function (field) {
        field.value = sent.get(field.name.slice(4)) || "";
      });
    }

    function replace(parts) {
      Object.keys(parts).forEach(function (id) {
        const old = document.getElementById(id);
        if (!old) return;
        const fresh = new DOMParser().parseFromString(parts[id], "text/html").body.firstElementChild;
        if (fresh && !old.contains(document.activeElement)) old.replaceWith(fresh);
      });
    }

    function later() {
      window.clearTimeout(retry);
      retry = window.setTimeout(function () { send(); }, RETRY);
      waiting.forEach(function (entry, name) { say(formOf(name), banner.dataset.waiting, "is-kept"); });
      keep();
    }

    function send() {
      if (sending || waiting.size === 0 || signedOut) return;
      const name = waiting.keys().next().value;
      const entry = waiting.get(name);
      const form = formOf(name);
      const token = document.querySelector("input[name=csrf_token]");
      /* What was saved before this answer waited is what it changes. */
      const values = entry.values.map(function (pair) {
        const shown = form && pair[0].startsWith("was_") ? form.elements[pair[0]] : null;
        return shown ? [pair[0], shown.value] : pair;
      });
      const stop = new AbortController();
      const timer = window.setTimeout(function () { stop.abort(); }, LONGEST_WAIT);
      sending = fetch(entry.url, {
        method: "POST",
        body: new URLSearchParams(values),
        headers: { "Accept": "application/json", "X-CSRFToken": token ? token.value : "" },
        credentials: "same-origin",
        redirect: "manual",
        signal: stop.signal,
      }).then(function (response) {
        if (response.type === "opaqueredirect" || response.status === 401 || response.status === 400) {
          /* Signed out, or signed in anew elsewhere: the answers wait for a fresh page. */
          signedOut = true;
          say(form, banner.dataset.waiting, "is-kept");
          keep();
          return null;
        }
        if (response.status >= 500 || response.status === 429) throw new TypeError("not now");
        return response.json().then(function (body) {
          const newest = waiting.get(name) === entry;
          if (newest) waiting.delete(name);
          window.clearTimeout(retry);
          retry = 0;
          keep();
          if (response.ok) {
            if (form) nowShown(form, values);
            if (newest) done(form);
            replace(body.replace || {});
          } else if (newest) say(form, body.message || tracker.words.failed, "is-refused");
          return true;
        });
      }).then(function (went) {
        window.clearTimeout(timer);
        sending = null;
        if (went) send();
      }, function () {
        window.clearTimeout(timer);
        sending = null;
        later();
      });
    }

    document.addEventListener("change", function (event) {
      const form = event.target.closest("form[data-queue]");
      if (!form) return;
      /* Thumbs tap a stepper several times in a row. */
      if (event.target.type === "number") soon(form, 500);
      else put(form);
    });

    document.addEventListener("input", function (event) {
      const form = event.target.closest("form[data-queue]");
      if (form && event.target.matches("textarea, input:not([type=radio]):not([type=number])")) {
        /* A note alone is no answer; it goes with the answer. */
        if (form.querySelector("input[type=radio]") && !form.querySelector("input[type=radio]:checked")) return;
        soon(form, TYPING);
      }
    });

    function soon(form, wait) {
      window.clearTimeout(timers.get(form));
      timers.set(form, window.setTimeout(function () { put(form); }, wait));
    }

    document.addEventListener("submit", function (event) {
      const form = event.target.closest("form[data-queue]");
      if (!form) return;
      event.preventDefault();
      put(form);
    }, true);

    /* Leaving the page sends what is still being typed. */
    window.addEventListener("pagehide", function () {
      timers.forEach(function (timer, form) { put(form); });
    });
    window.addEventListener("online", function () { send(); });
    document.addEventListener("visibilitychange", function () { if (!document.hidden) send(); });

    /* After a reload the page shows what the server has; what it has not got goes back in. */
    waiting.forEach(function (entry, name) {
      const form = formOf(name);
      if (!form) {
        waiting.delete(name);
        return;
      }
      entry.values.forEach(function (pair) {
        Array.from(form.elements).filter(function (field) { return field.name === pair[0]; }).forEach(function (field) {
          if (field.type === "radio") field.checked = field.value === pair[1];
          else field.value = pair[1];
        });
      });
    });
    if (waiting.size) {
      later();
      send();
    }
  }

  /* ------------------------------------------------------------ a new visit: fields of its kind */

  function showKind() {
    const chosen = document.querySelector("input[name=kind]:checked");
    document.querySelectorAll("[data-for-kind]").forEach(function (block) {
      block.hidden = !chosen || block.dataset.forKind !== chosen.value;
    });
  }

  document.addEventListener("change", function (event) {
    if (event.target.name === "kind") showKind();
  });
  document.addEventListener("DOMContentLoaded", showKind);

  /* ------------------------------------------------------------ a finding with photos, offline */

  document.addEventListener("submit", function (event) {
    const form = event.target.closest("form[data-offline]");
    if (form && !navigator.onLine) {
      event.preventDefault();
      event.stopImmediatePropagation();
      tracker.toast({ text: form.dataset.offline, tone: "wait" });
    }
  }, true);
})();
