"""Having people told: what is told, to whom, and the kinds of notice that a plug-in sends.

    tell(work, Tell(kind="camera.down", key=str(incident.public_id), holders=[("camera.mend", 7)],
                    page=("camera.show_camera", {"camera_id": 3}), params={"name": "Cổng"}))

`tell` is called within the unit of work that is the cause, so that both happen or neither; each
person is told of one occasion (`kind` and `key`) once. The kind is registered by
`tracker_register_notice_kinds`.
"""

from __future__ import annotations

from tracker.outbox.telling import Tell, tell
from tracker.plugins.descriptors import NoticeKind, NoticeWords

__all__ = ["NoticeKind", "NoticeWords", "Tell", "tell"]
