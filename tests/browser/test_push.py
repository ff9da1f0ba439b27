"""A browser is switched on, gets what is pushed through its service worker, and opens it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from tests.factories.accounts import make_user, sign_in
from tests.factories.notices import notices_of, tell_people
from tests.factories.units import make_unit
from tests.support.browser import LiveServer, NewPage, axe, cookies_of, sideways_overflow
from tests.support.receiver import LOOPBACK, BrowserKeys, receiving
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.browser

# The one part that needs its maker's service on the internet: where the browser gets an address.
PUSH_SERVICE = """
(() => {
  const keys = KEYS;
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer;
  const made = {
    endpoint: keys.endpoint,
    getKey: (name) => bytes(keys[name]),
    unsubscribe: async () => { sessionStorage.clear(); return true; },
  };
  PushManager.prototype.getSubscription = async () => sessionStorage.made ? made : null;
  PushManager.prototype.subscribe = async (options) => {
    if (!options.userVisibleOnly || options.applicationServerKey.length !== 65) throw new Error();
    sessionStorage.made = "1";
    return made;
  };
})();
"""
CLICK = """
async () => {
  const [shown] = await self.registration.getNotifications();
  let opened = "";
  self.clients.openWindow = async (url) => { opened = url; };
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification: shown }));
  return opened;
}
"""


@pytest.fixture(scope="module")
def chromium(whole_chromium: Browser) -> Browser:
    """The shell without windows has no notifications."""
    return whole_chromium


def padded(text: str) -> str:
    """Return a key in the spelling that `atob` reads."""
    return text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)


def test_what_is_pushed_is_shown_and_leads_to_its_page(
    app: Flask,
    live_server: LiveServer,
    new_page: NewPage,
    system: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = make_user(make_unit("Sở Nội vụ", "department"), Role.HEAD)
    run(save_settings, SaveSettings({"notices.outgoing_networks": LOOPBACK}))
    client = app.test_client()
    sign_in(client, head)
    page = new_page("phone", cookies=cookies_of(client, live_server))
    page.context.grant_permissions(["notifications"], origin=live_server.url)
    keys = BrowserKeys()
    with receiving(tmp_path, monkeypatch) as service:
        given = keys.form(f"{service.url}/push/1")
        spelled = {
            name: padded(text) if name != "endpoint" else text for name, text in given.items()
        }
        page.add_init_script(PUSH_SERVICE.replace("KEYS", json.dumps(spelled)))
        page.goto(f"{live_server.url}/thong-bao/tuy-chon")
        card = page.locator("[data-push]")
        card.get_by_role("button", name="Bật trên trình duyệt này").click()
        expect(card.get_by_text("Đang bật trên trình duyệt này")).to_be_visible()
        assert sideways_overflow(page) == 0
        assert axe(page) == []

        params = {"by": "Nguyễn Thị Bình", "message": "Mật", "reply_by": "2026-06-20"}
        tell_people([head], "plans.urged", key="1", page=("plans.list_tasks", {}), **params)
        (got,) = service.requests
    told = keys.decrypt(got.body).decode()

    devtools = page.context.new_cdp_session(page)
    registered: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registered.extend(
            one["registrationId"] for one in event["registrations"] if not one["isDeleted"]
        ),
    )
    devtools.send("ServiceWorker.enable")
    page.wait_for_function("navigator.serviceWorker.ready.then(() => true)")
    assert len(set(registered)) == 1
    message = {"origin": live_server.url, "registrationId": registered[0], "data": told}
    devtools.send("ServiceWorker.deliverPushMessage", message)
    shown = page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.ready;
          for (let asked = 0; asked < 300; asked++) {
            const [one] = await registration.getNotifications();
            if (one) return { title: one.title, tag: one.tag, lang: one.lang, body: one.body };
            await new Promise((go) => setTimeout(go, 50));
          }
        }"""
    )
    (notice,) = notices_of(head)
    assert shown == {
        "title": "Nguyễn Thị Bình đôn đốc: Rà soát thủ tục",
        "tag": f"notice-{notice.id}",
        "lang": "vi",
        "body": "",
    }
    (worker,) = page.context.service_workers
    opened = worker.evaluate(CLICK)
    assert opened == f"{live_server.url}/thong-bao/{notice.id}"
    page.goto(opened)
    expect(page).to_have_url(re.compile("/viec$"))

    page.goto(f"{live_server.url}/thong-bao/tuy-chon")
    card.get_by_role("button", name=re.compile("^Bỏ")).click()
    expect(card.get_by_role("button", name="Bật trên trình duyệt này")).to_be_visible()
    assert not page.evaluate("sessionStorage.made")
