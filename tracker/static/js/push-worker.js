/* Shows what is pushed to this browser, and opens what it leads to. It keeps and fetches nothing. */
(function () {
  "use strict";

  self.addEventListener("push", function (event) {
    const told = event.data ? event.data.json() : {};
    event.waitUntil(self.registration.showNotification(told.title || self.location.host, {
      /* The same notice told twice stands there once. */
      tag: told.tag,
      lang: told.lang,
      data: { link: told.link || "" },
    }));
  });

  self.addEventListener("notificationclick", function (event) {
    event.notification.close();
    const scope = self.registration.scope;
    const url = new URL(event.notification.data.link, scope).href;
    if (!url.startsWith(scope)) return;
    event.waitUntil(self.clients.openWindow(url));
  });
})();
