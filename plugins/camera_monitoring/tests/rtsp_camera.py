"""A real RTSP server with a test picture, run by the system's Python (GStreamer's bindings).

    /usr/bin/python3 rtsp_camera.py

Prints three ports: of a server that is open to everybody, of one that asks for digests, and of one
that asks for plain passwords. Each shows /live until the standard input ends.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PICTURE = "( videotestsrc is-live=true ! video/x-raw,width=64,height=48 ! rtpvrawpay name=pay0 )"
USER, PASSWORD = "admin", "mật khẩu 1"


def serve(method: GstRtsp.RTSPAuthMethod | None) -> GstRtspServer.RTSPServer:
    """Return a server on a free port that asks for a password in one way, or for none."""
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(PICTURE)
    # A picture for each viewer: a shared one is refused to all while the last of them leaves.
    factory.set_shared(False)
    server.get_mount_points().add_factory("/live", factory)
    if method is not None:
        auth = GstRtspServer.RTSPAuth.new()
        auth.set_supported_methods(method)
        viewer = GstRtspServer.RTSPToken.new()
        viewer.set_string("media.factory.role", "viewer")
        auth.add_digest(USER, PASSWORD, viewer)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), viewer)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.from_string(
                "viewer, media.factory.access=true, media.factory.construct=true"
            )[0]
        )
    server.attach(None)
    return server


def main() -> None:
    """Serve until the standard input ends."""
    Gst.init(None)
    methods = (None, GstRtsp.RTSPAuthMethod.DIGEST, GstRtsp.RTSPAuthMethod.BASIC)
    servers = [serve(method) for method in methods]
    print(*(server.get_bound_port() for server in servers), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(
        GLib.IOChannel.unix_new(sys.stdin.fileno()),
        GLib.PRIORITY_DEFAULT,
        GLib.IOCondition.IN | GLib.IOCondition.HUP,
        lambda *_: loop.quit(),
    )
    loop.run()


if __name__ == "__main__":
    main()
