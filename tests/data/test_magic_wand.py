"""The magic wand digits: finding, downloading, checking."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import download_magic_wand, load_magic_wand
from tinyml_course.data import magic_wand as module
from tinyml_course.data.magic_wand import SHA256, VARIABLE, find_recordings


def stroke_file(label):
    """Return the content of a recording with one stroke."""
    points = [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]
    return json.dumps({"strokes": [{"index": 0, "label": label, "strokePoints": points}]}).encode()


FILES = {f"petewarden_{digit}.json": stroke_file(digit) for digit in "012"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


class Server:
    """A web server on the loopback interface that counts requests and can misbehave."""

    def __init__(self):
        self.files = dict(FILES)
        self.requests = []
        self.cut = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                outer.requests.append(name)
                if name not in outer.files:
                    self.send_error(404)
                    return
                content = outer.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if name == outer.cut else content)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        """Stop serving."""
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    served = Server()
    yield served
    served.close()


def fetch(server, folder):
    """Download the three files of the test server."""
    return download_magic_wand(folder, base_url=server.url, checksums=SUMS, progress=False)


def test_a_download_brings_every_file_once(server, tmp_path):
    """All files arrive unchanged; a second call asks the network for nothing."""
    folder = tmp_path / "cache" / "digits"
    assert folder == fetch(server, folder)
    assert FILES == {path.name: path.read_bytes() for path in folder.iterdir()}
    fetch(server, folder)
    assert sorted(FILES) == sorted(server.requests)
    assert ["digits"] == [path.name for path in folder.parent.iterdir()]


def test_a_damaged_cache_is_fetched_again(server, tmp_path):
    """A file that changed on disk is replaced."""
    folder = fetch(server, tmp_path / "digits")
    (folder / "petewarden_1.json").write_text("damaged")
    fetch(server, folder)
    assert FILES == {path.name: path.read_bytes() for path in folder.iterdir()}


def refuse(server, folder):
    """Return the message of a download that fails, having checked that it left nothing."""
    with pytest.raises(InvalidData) as caught:
        fetch(server, folder)
    assert [] == list(folder.parent.iterdir())
    return str(caught.value)


def test_other_content_is_refused_by_its_checksum(server, tmp_path):
    """The message names the address and both sums, and nothing is kept."""
    server.files["petewarden_2.json"] = stroke_file("7")
    message = refuse(server, tmp_path / "digits")
    assert f"{server.url}/petewarden_2.json" in message
    assert SUMS["petewarden_2.json"][:16] in message


def test_an_interrupted_download_leaves_nothing(server, tmp_path):
    """A connection that breaks in the middle of a file leaves no half file and a remedy."""
    server.cut = "petewarden_1.json"
    message = refuse(server, tmp_path / "digits")
    assert "connection broke" in message
    assert "--data synthetic" in message


def test_a_missing_file_is_named(server, tmp_path):
    """The message names the address that the server does not know."""
    del server.files["petewarden_0.json"]
    assert "petewarden_0.json: HTTP Error 404" in refuse(server, tmp_path / "digits")


def test_without_a_network_the_message_says_what_to_do(server, tmp_path):
    """A refused connection names the variable and the source that needs no files."""
    server.close()
    message = refuse(server, tmp_path / "digits")
    assert VARIABLE in message
    assert "--data synthetic" in message


def test_an_interrupt_by_the_user_leaves_nothing(server, tmp_path, monkeypatch):
    """Ctrl-C between two files removes what was fetched."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path / "digits")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("inside", ["", "magic_wand_digits"])
def test_a_local_copy_is_found_itself_or_in_its_parent(tmp_path, monkeypatch, inside):
    """The variable may name the folder or the one above, and a part of the data is enough."""
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for name in ("petewarden_0.json", "petewarden_2.json"):
        (folder / name).write_bytes(FILES[name])
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert folder == find_recordings()
    assert ("0", "2") == load_magic_wand().class_names
    assert ("0", "2") == load_magic_wand(tmp_path).class_names


def test_a_wrong_local_copy_is_an_error_not_a_download(tmp_path, monkeypatch):
    """A variable that names an empty folder is reported with the path."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InvalidData, match=f"{VARIABLE} names {tmp_path}"):
        load_magic_wand()


def test_the_cache_counts_only_when_complete(tmp_path, monkeypatch):
    """Nine of ten files in the cache are no recordings yet."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path)
    for name in SHA256:
        assert find_recordings() is None
        (tmp_path / name).touch()
    assert tmp_path == find_recordings()


def test_the_real_strokes_load_completely(recordings):
    """All 701 strokes of the ten digits arrive, in order."""
    gestures = load_magic_wand(recordings)
    assert 701 == len(gestures)
    assert tuple("0123456789") == gestures.class_names
    assert all(
        gestures.class_names[label] == stroke.label
        for label, stroke in zip(gestures.labels, gestures.strokes, strict=True)
    )
