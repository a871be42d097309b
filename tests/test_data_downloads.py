"""Published sets: found where they lie, else fetched from a mirror, here a server on this machine."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading
from dataclasses import replace

import numpy as np
import pytest

from minigan.data import downloads, load
from minigan.data.downloads import FASHION, IMAGES, LABELS, MNIST, Published
from minigan.errors import DataError

PIXELS = np.random.default_rng(0).integers(256, size=(5, 3, 2), dtype=np.uint8)
CONTENT = {
    IMAGES: struct.pack(">BBBBIII", 0, 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes(),
    LABELS: struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes([3, 1, 4, 1, 5]),
}
TINY = Published(
    name="tiny",
    title="Tiny",
    folders=("tiny", "small"),
    system_folder=None,
    mirrors=(),
    sha256={name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()},
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.requested.append(self.path)


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "server"
    root.mkdir()
    handler = functools.partial(QuietHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requested = []
        server.root = root
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIGAN_DATA", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "minigan" / "tiny"


def put(folder, content=CONTENT, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in content.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(values) if packed else values)


def check(data):
    np.testing.assert_array_equal(data.images, PIXELS[..., None])
    assert (data.labels.tolist(), data.labels.dtype) == ([3, 1, 4, 1, 5], np.int64)
    assert data.name == "tiny"


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("subfolder", [".", "tiny", "small"])
def test_files_are_found_where_minigan_data_says(tmp_path, monkeypatch, subfolder, packed):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path / "data"))
    put(tmp_path / "data" / subfolder, packed=packed)
    data = downloads.load_published(TINY)
    check(data)
    assert str(tmp_path / "data") in data.source


def test_files_are_found_in_the_system_folder_and_the_cache(tmp_path, cache):
    put(tmp_path / "system")
    check(downloads.load_published(replace(TINY, system_folder=str(tmp_path / "system"))))
    put(cache)
    check(downloads.load_published(TINY))


def test_files_of_the_same_name_but_other_content_are_not_taken(tmp_path, monkeypatch, cache):
    other = CONTENT | {IMAGES: CONTENT[IMAGES][:-1] + b"!"}
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path / "data"))
    put(tmp_path / "data", other)
    put(cache)
    data = downloads.load_published(TINY)
    check(data)
    assert str(cache) in data.source


def test_damaged_files_are_not_taken(cache):
    put(cache)
    (cache / f"{LABELS}.gz").write_bytes(b"\x1f\x8bdamaged")
    assert downloads.find(TINY) is None


def test_a_download_is_kept_and_not_repeated(server, cache):
    put(server.root)
    mirrored = replace(TINY, mirrors=(f"{server.url}/",))
    check(downloads.load_published(mirrored))
    assert files(cache) == [f"{IMAGES}.gz", f"{LABELS}.gz"]
    assert len(server.requested) == 2
    check(downloads.load_published(mirrored))
    assert len(server.requested) == 2


def test_only_the_missing_file_is_fetched(server, cache):
    put(server.root)
    put(cache, {IMAGES: CONTENT[IMAGES]})
    check(downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",))))
    assert [path for path in server.requested if IMAGES in path] == []


def test_another_gzip_wrapping_of_the_same_content_is_as_good(server):
    put(server.root)
    for name, content in CONTENT.items():
        (server.root / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=77))
    check(downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",))))


@pytest.mark.parametrize("damage", ["other", "cut", "raw noise", "missing"])
def test_after_a_bad_mirror_comes_the_next(server, cache, damage):
    put(server.root / "good")
    put(server.root / "bad")
    bad = server.root / "bad" / f"{IMAGES}.gz"
    if damage == "missing":
        bad.unlink()
    else:
        whole = bad.read_bytes()
        other = gzip.compress(CONTENT[IMAGES] + b"!")
        bad.write_bytes({"other": other, "cut": whole[:-9], "raw noise": b"<html>no</html>"}[damage])
    check(downloads.load_published(replace(TINY, mirrors=(f"{server.url}/bad/", f"{server.url}/good/"))))
    assert files(cache) == [f"{IMAGES}.gz", f"{LABELS}.gz"]


def test_a_wrong_download_leaves_nothing_behind_and_says_what_to_do(server, cache):
    put(server.root, {IMAGES: b"wrong", LABELS: b"wrong"})
    mirrors = (f"{server.url}/", f"{server.url}/absent/")
    with pytest.raises(DataError) as caught:
        downloads.load_published(replace(TINY, mirrors=mirrors))
    message = str(caught.value)
    expected = ["SHA-256", "404", str(cache), "MINIGAN_DATA", "fashion", "digits", f"{LABELS}.gz", *mirrors]
    assert [part for part in expected if part not in message] == []
    assert files(cache) == []


def test_without_a_network_the_error_is_one(cache):
    closed = "http://127.0.0.1:1/"
    with pytest.raises(DataError, match="no mirror gave") as caught:
        downloads.load_published(replace(TINY, mirrors=(closed,)))
    assert closed in str(caught.value)
    assert files(cache) == []


def test_an_interrupted_download_leaves_nothing_behind(cache, monkeypatch):
    def interrupt(url, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        downloads.load_published(replace(TINY, mirrors=("http://127.0.0.1:1/",)))
    assert files(cache) == []


def test_a_file_gets_its_name_only_when_it_is_whole_and_on_the_disk(server, cache, monkeypatch):
    put(server.root)
    events = []
    sync, rename = downloads.os.fsync, downloads.os.replace

    def replace_watched(source, target):
        assert source.parent == target.parent, "a rename is atomic within one folder only"
        assert source.read_bytes() == (server.root / target.name).read_bytes()
        events.append("replace")
        rename(source, target)

    monkeypatch.setattr(downloads.os, "fsync", lambda handle: (events.append("fsync"), sync(handle)))
    monkeypatch.setattr(downloads.os, "replace", replace_watched)
    downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",)))
    assert events == ["fsync", "replace"] * 2


def test_an_endless_mirror_is_left(server, cache, monkeypatch):
    put(server.root)
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD", 10)
    with pytest.raises(DataError, match="at most 10 bytes"):
        downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",)))
    assert files(cache) == []


def test_a_cache_that_cannot_be_written_is_a_data_error(tmp_path, server):
    put(server.root)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="MINIGAN_DATA"):
        downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",)))


def test_a_download_is_silent_without_a_terminal(server, capfd):
    put(server.root)
    downloads.load_published(replace(TINY, mirrors=(f"{server.url}/",)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/minigan"),
        ("linux", {}, "/home/u/.cache/minigan"),
        ("darwin", {}, "/home/u/Library/Caches/minigan"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/minigan/Cache"),
        ("win32", {}, "/home/u/AppData/Local/minigan/Cache"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(downloads.sys, "platform", platform)
    monkeypatch.setattr(downloads.Path, "home", lambda: downloads.Path("/home/u"))
    assert downloads.cache_folder().as_posix() == expected


@pytest.mark.parametrize(("name", "published"), [("fashion-full", FASHION), ("mnist", MNIST)])
def test_the_names_lead_to_their_sets(name, published, monkeypatch):
    monkeypatch.setattr("minigan.data.presets.load_published", lambda asked: asked)
    assert load(name) is published
    assert published.name == name
    assert set(published.sha256) == {IMAGES, LABELS}
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in published.mirrors)
