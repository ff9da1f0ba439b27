/* The switch for notices on the screen of this browser. Words stand on the page; the server keeps
   what the browser's push service hands out. */
(function () {
  "use strict";

  const card = document.querySelector("[data-push]");
  if (!card) return;
  const token = document.querySelector("input[name=csrf_token]");
  const fault = card.querySelector("[data-push-fault]");

  function show(state) {
    card.querySelectorAll("[data-push-state]").forEach(function (part) {
      part.hidden = part.dataset.pushState !== state;
    });
  }

  function say(words) {
    fault.textContent = words;
    fault.hidden = !words;
  }

  function ask(url, values) {
    return fetch(url, {
      method: "POST",
      body: new URLSearchParams(values || {}),
      headers: { "Accept": "application/json", "X-CSRFToken": token.value },
      credentials: "same-origin",
      redirect: "error",
    }).then(function (response) {
      return response.json().then(function (answer) {
        if (!response.ok) throw new Error(answer.message);
        return answer;
      });
    });
  }

  /* Base64 in the spelling of addresses, without padding: what keys travel in. */
  function toText(buffer) {
    return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function toBytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (one) { return one.charCodeAt(0); });
  }

  function subscribe(registration) {
    return ask(card.dataset.keyUrl).then(function (answer) {
      return registration.pushManager.getSubscription().then(function (old) {
        /* One made for another key of the site reaches nobody. */
        return old ? old.unsubscribe() : null;
      }).then(function () {
        return registration.pushManager.subscribe({
          userVisibleOnly: true,
          applicationServerKey: toBytes(answer.key),
        });
      });
    }).then(function (made) {
      return ask(card.dataset.addUrl, {
        endpoint: made.endpoint,
        p256dh: toText(made.getKey("p256dh")),
        auth: toText(made.getKey("auth")),
      });
    });
  }

  function lineOf(subscription) {
    if (!subscription) return null;
    return Array.from(card.querySelectorAll("[data-push-endpoint]")).find(function (line) {
      return line.dataset.pushEndpoint === subscription.endpoint;
    }) || null;
  }

  function switchOn(button) {
    say("");
    button.disabled = true;
    Notification.requestPermission().then(function (permission) {
      if (permission !== "granted") {
        show(permission === "denied" ? "denied" : "off");
        return null;
      }
      return navigator.serviceWorker.register(card.dataset.worker, { scope: card.dataset.scope })
        .then(function () { return navigator.serviceWorker.ready; })
        .then(subscribe)
        .then(function () { location.reload(); });
    }).catch(function (error) {
      /* Words of our own server are for people; those of a browser or a network are not. */
      const told = error instanceof DOMException || error instanceof TypeError || error instanceof SyntaxError;
      say((!told && error.message) || fault.dataset.unreachable);
    }).then(function () { button.disabled = false; });
  }

  function start() {
    if (!window.isSecureContext) return show("insecure");
    if (!navigator.serviceWorker || !window.PushManager || !window.Notification) return show("missing");
    if (Notification.permission === "denied") return show("denied");
    card.querySelector("[data-push-on]").addEventListener("click", function (event) {
      switchOn(event.currentTarget);
    });
    return navigator.serviceWorker.getRegistration(card.dataset.scope).then(function (registration) {
      return registration ? registration.pushManager.getSubscription() : null;
    }).then(function (subscription) {
      const line = lineOf(subscription);
      show(line ? "on" : "off");
      if (!line) return;
      /* Taken off the list here, the browser forgets its side too. */
      line.querySelector("form").addEventListener("submit", function (event) {
        const form = event.currentTarget;
        event.preventDefault();
        const go = function () { form.submit(); };
        subscription.unsubscribe().then(go, go);
      });
    });
  }

  start();
})();
