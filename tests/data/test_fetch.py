"""Fetching public data, from a server of our own on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pruneviz.core.errors import Cancelled, DataError, SpecError
from pruneviz.core.spec import DataSpec
from pruneviz.data import catalogue, fetch, fetching, load
from pruneviz.data.fetching import HOMES


@pytest.fixture
def server():
    """Serves what is put in ``files``; ``cut`` closes connections half-way."""

    class Handler(BaseHTTPRequestHandler):
        files: dict[str, bytes] = {}  # noqa: RUF012
        asked: list[str] = []  # noqa: RUF012
        cut = False

        def do_GET(self):
            self.asked.append(self.path)
            body = self.files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.cut else body)

        def log_message(self, *args):
            pass

    Handler.files, Handler.asked, Handler.cut = {}, [], False
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Handler.base = f"http://127.0.0.1:{httpd.server_address[1]}/"
    yield Handler
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def publish(server, monkeypatch, name, files):
    """Put files on the server, and their digests in the catalogue."""
    server.files = files
    home = replace(HOMES[name], files={k: hashlib.md5(v).hexdigest() for k, v in files.items()})
    monkeypatch.setattr(fetching, "HOMES", {**HOMES, name: home})


def tarball(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


BATCH = b"".join(bytes([k % 10]) + bytes([k]) * 3072 for k in range(20))
CIFAR = {f"cifar-10-batches-bin/{n}.bin": BATCH for n in ("data_batch_1", "test_batch")}


def test_archive_is_fetched_checked_unpacked_and_readable(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball(CIFAR)})
    told = []
    folder = fetch("cifar10", tmp_path / "data", lambda done, total: told.append((done, total)), base=server.base)
    assert folder == tmp_path / "data" / "cifar-10-batches-bin"
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]
    size = len(server.files["cifar-10-binary.tar.gz"])
    assert told[-1] == (size, size)
    assert len(load(DataSpec(f"cifar:{folder}")).test) == 20
    fetch("cifar10", tmp_path / "data", base=server.base)
    assert len(server.asked) == 1  # it is there already


def test_files_of_idx_get_their_class_names(server, monkeypatch, tmp_path):
    images = bytes((0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2)) + bytes(range(80))
    labels = bytes((0, 0, 8, 1, 0, 0, 0, 20)) + bytes(k % 10 for k in range(20))
    files = {n: gzip.compress(images if "images" in n else labels) for n in HOMES["fashion-mnist"].files}
    publish(server, monkeypatch, "fashion-mnist", files)
    data = load(DataSpec(f"idx:{fetch('fashion-mnist', str(tmp_path), base=server.base)}"))
    assert data.classes[9] == "Ankle boot"
    assert len(server.asked) == 4


def nothing_left(folder):
    return not folder.exists() or not list(folder.iterdir())


def test_other_content_is_refused_and_nothing_left(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball(CIFAR)})
    server.files = {"cifar-10-binary.tar.gz": tarball({"cifar-10-batches-bin/x": b"other"})}
    with pytest.raises(DataError, match=r"not the published file: its MD5 is .*Nothing was put in place"):
        fetch("cifar10", tmp_path, base=server.base)
    assert nothing_left(tmp_path)


def test_cut_connection_is_refused_and_nothing_left(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball(CIFAR)})
    server.cut = True
    with pytest.raises(DataError, match=r"not the published file|cannot be reached"):
        fetch("cifar10", tmp_path, base=server.base)
    assert nothing_left(tmp_path)


def test_stopping_leaves_nothing(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball(CIFAR)})

    def stop(done, total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fetch("cifar10", tmp_path, stop, base=server.base)
    assert nothing_left(tmp_path)


def test_archive_that_leaves_its_folder_is_refused(server, monkeypatch, tmp_path):
    archive = tarball({**CIFAR, "../../../evil": b"x"})  # beside the folder that was asked for
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": archive})
    with pytest.raises(DataError, match=r"cannot be unpacked .*evil.*Nothing was put in place"):
        fetch("cifar10", tmp_path / "in", base=server.base)
    assert nothing_left(tmp_path / "in")
    assert not (tmp_path / "evil").exists()


def test_absolute_paths_in_an_archive_are_not_followed(server, monkeypatch, tmp_path):
    archive = tarball({**CIFAR, str(tmp_path / "evil"): b"x"})
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": archive})
    fetch("cifar10", tmp_path / "in", base=server.base)
    assert not list(tmp_path.rglob("evil"))


def test_archive_without_the_folder_and_no_archive(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball({"else/x": b"y"})})
    with pytest.raises(DataError, match=r"holds no folder 'cifar-10-batches-bin'"):
        fetch("cifar10", tmp_path, base=server.base)
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": b"<html>please log in</html>"})
    with pytest.raises(DataError, match=r"cannot be unpacked"):
        fetch("cifar10", tmp_path, base=server.base)
    assert nothing_left(tmp_path)


def test_missing_file_and_silent_server_name_the_url(server, tmp_path):
    with pytest.raises(DataError, match=r"http://127.0.0.1:\d+/cifar-10-binary.tar.gz: the server answers 404"):
        fetch("cifar10", tmp_path, base=server.base)
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/cifar-10-binary.tar.gz: cannot be reached .*by hand"):
        fetch("cifar10", tmp_path, base="http://127.0.0.1:9/")


def test_place_that_cannot_be_written(server, monkeypatch, tmp_path):
    publish(server, monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": tarball(CIFAR)})
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"cifar10: cannot be written to .*Choose a folder"):
        fetch("cifar10", tmp_path / "file", base=server.base)


def test_unknown_name():
    with pytest.raises(SpecError, match=r"got 'cifar'; allowed: cifar10, cifar100, fashion-mnist, mnist. Did you mean"):
        fetch("cifar", ".")


def test_homes_are_secure_and_digests_whole():
    for name, home in HOMES.items():
        assert home.base.startswith("https://"), name
        assert home.base.endswith("/"), name
        assert all(len(md5) == 32 and int(md5, 16) >= 0 for md5 in home.files.values()), name


def test_catalogue_lists_what_ships_the_kinds_and_what_can_be_fetched():
    found = {s.name: s for s in catalogue()}
    kinds = {"cifar", "folder", "npz", "idx", "hf", "memory", "function"}
    assert found.keys() == kinds | {"sample:fashion", "sample:digits"} | HOMES.keys()
    assert {n for n, s in found.items() if s.fetch} == HOMES.keys()
    assert found["sample:fashion"].licence == "MIT"
    assert "val_fraction" in {o.name for o in found["folder"].options}
    assert all(s.form and s.summary for s in found.values())
