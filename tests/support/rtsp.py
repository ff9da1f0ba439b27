"""GStreamer's RTSP server, which stands in for cameras: is it there?

It comes from the system's packages and is run by the system's Python, whose bindings it needs.
"""

import subprocess
from pathlib import Path

PYTHON = Path("/usr/bin/python3")
PACKAGES = ("gir1.2-gst-rtsp-server-1.0", "python3-gi", "gstreamer1.0-plugins-good")
QUESTION = """
import gi
for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
wanted = ("videotestsrc", "rtpvrawpay", "rtpbin")
raise SystemExit(not all(Gst.ElementFactory.find(name) for name in wanted))
"""


def find_server() -> Path | None:
    """Return the Python that can run the server, if there is one."""
    if not PYTHON.exists():
        return None
    asked = subprocess.run(
        [str(PYTHON), "-I", "-c", QUESTION], capture_output=True, check=False, timeout=60
    )
    return PYTHON if asked.returncode == 0 else None
