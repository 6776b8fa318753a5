"""Runs the standalone server of the package `milvus` until its standard input closes; prints its port once it is ready.

Run by an interpreter that has that package and nothing else of ours: python serve_milvus.py FOLDER PORT [locked]
A locked server asks for a name and a password: at first root:Milvus.
"""

import os
import socket
import sys
from pathlib import Path


def main(folder, port, *, is_locked):
    from milvus import default_server

    etcd, peer = (free_port() for _ in range(2))
    config = Path(folder) / "etcd.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(etcd_config(etcd, peer))
    os.environ["ETCD_CONFIG_PATH"] = str(config)
    default_server.config.update(etcd_port=etcd)
    default_server.config.set("authorization_enabled", is_locked)
    default_server.set_base_dir(folder)
    default_server.listen_port = port
    default_server.start()
    print(default_server.listen_port, flush=True)  # noqa: T201
    sys.stdin.read()
    default_server.stop()


def etcd_config(client, peer):
    """Without it, the embedded etcd takes ports 2379 and 2380, so that a machine has room for one server."""
    return (
        "name: default\n"
        f"listen-client-urls: http://127.0.0.1:{client}\n"
        f"advertise-client-urls: http://127.0.0.1:{client}\n"
        f"listen-peer-urls: http://127.0.0.1:{peer}\n"
        f"initial-advertise-peer-urls: http://127.0.0.1:{peer}\n"
        f"initial-cluster: default=http://127.0.0.1:{peer}\n"
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), is_locked="locked" in sys.argv)
