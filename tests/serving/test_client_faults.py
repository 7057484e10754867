"""Both clients where server, file or flag is not as it should be: one sentence, and no stack trace."""

import http.client
import struct
import subprocess
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serving.kit_clients import GRPC, KIT, REST


class _Wrong(BaseHTTPRequestHandler):
    """Answers with the status, the length and the bytes of `said`."""

    said: tuple[int, int | None, bytes] = (200, None, b"")

    def log_message(self, *words):
        """Keeps quiet."""

    def do_POST(self):
        """Answers a request."""
        code, length, content = self.said
        self.rfile.read(int(self.headers["Content-Length"]))
        if code:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Wrong) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    return str(path)


def _sentence(client, capsys, *words):
    assert client.main([*words, "--model=m"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("ERROR: ") and err.count("\n") == 1
    return err


@pytest.mark.parametrize("row", [(), ("--row",)])
@pytest.mark.parametrize(
    ("said", "part"),
    [
        ((200, 1000, b'{"outputs": {"a'), "broke off in the middle"),
        ((500, 1000, b'{"err'), "broke off in the middle"),
        ((0, None, b"hello world\r\n\r\n"), "does not speak HTTP"),
        ((200, None, b"[1, 2]"), "is no object"),
        ((200, None, b"null"), "is no object"),
        ((200, None, b"\xff\xfe"), "something else than JSON"),
        ((200, None, b'{"outputs": 3, "predictions": "abc"}'), "without outputs"),
        ((200, None, b'{"predictions": [{"a": 1}, 3]}'), "without outputs"),
    ],
)
def test_a_wrong_answer(server, picture, monkeypatch, capsys, said, part, row):
    monkeypatch.setattr(_Wrong, "said", said)
    assert part in _sentence(REST, capsys, "predict", picture, f"--server={server}", *row)


@pytest.mark.parametrize("address", ["localhost:abc", "a b:3"])
def test_what_is_no_address(capsys, address):
    text = _sentence(REST, capsys, "status", f"--server={address}")
    assert "is no address" in text and "--server=HOST:PORT" in text


@pytest.mark.parametrize("client", [REST, GRPC])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[1]", "a list per input"),
        (b"{}", "a list per input"),
        (b'{"a": 1}', "a list per input"),
        (b'{"a": "abc"}', "a list per input"),
        (b'{"a": [1], "b": [1, 2]}', "all of as many rows"),
        (b"{", "holds something else than JSON"),
        (b"\xff\xfe", "holds something else than JSON"),
    ],
)
def test_a_file_of_inputs_that_holds_none(tmp_path, capsys, client, content, part):
    path = tmp_path / "inputs.json"
    path.write_bytes(content)
    text = _sentence(client, capsys, "predict", f"--inputs_json={path}", "--server=127.0.0.1:1")
    assert part in text and str(path) in text


def test_a_header_of_too_many_pixels_is_sent_all_the_same(tmp_path):
    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    assert GRPC.upright(content) == (content, 0, 0)


@pytest.mark.parametrize("client", [REST, GRPC])
def test_pictures_and_numbers_that_nothing_would_read(capsys, picture, client):
    assert "takes no pictures" in _sentence(client, capsys, "status", picture)
    assert "is not 4 numbers" in _sentence(client, capsys, "predict", picture, "--box=1,2,nan,4")


@pytest.mark.parametrize("client", [REST, GRPC])
@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--focal_px=9", "--camera=1,2,3,4"], "not allowed with"),
        (["--version=1", "--label=stable"], "not allowed with"),
        (["--focal_px=nan"], "nan is no number"),
        (["--bone_length_m=inf"], "inf is no number"),
        (["--timeout=0"], "0 s is not between"),
        (["--timeout=1e12"], "1e12 s is not between"),
        (["--timeout=nan"], "nan s is not between"),
    ],
)
def test_flags_of_which_one_would_be_ignored_or_none_is_meant(capsys, picture, client, flags, part):
    with pytest.raises(SystemExit) as ended:
        client.main(["predict", "--model=m", picture, *flags])
    assert ended.value.code == 2
    assert part in capsys.readouterr().err


def test_a_reader_that_has_gone(server, picture, monkeypatch):
    monkeypatch.setattr(_Wrong, "said", (200, None, b'{"outputs": [1]}'))
    words = [str(KIT / "rest_client.py"), "predict", "--model=m", f"--server={server}", picture]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}
    ) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 1


def test_the_stand_in_breaks_off_indeed(server, monkeypatch):
    monkeypatch.setattr(_Wrong, "said", (200, 10, b"{"))
    connection = http.client.HTTPConnection(server)
    connection.request("POST", "/", b"{}")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
