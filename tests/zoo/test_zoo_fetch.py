# SPDX-License-Identifier: Apache-2.0
"""Downloads survive a hostile server, and nothing broken is left looking whole."""

import functools
import http.server
import re
import threading
import time

import pytest
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.zoo import archive, fetch


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /N.zip from a script: what each request for a number is answered."""

    def __init__(self, server, *args):
        self.script = server
        super().__init__(*args)

    def do_GET(self):
        name = self.path.strip("/")
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked:
            start = int(asked[1])
        self.script.requests.append((name, start, time.monotonic()))
        answers = self.script.answers.get(name, [])
        answer = answers.pop(0) if answers else "whole"
        content = self.script.files.get(name)
        if answer in (401, 403, 404, 429, 503) or content is None:
            self.send_response(answer if content is not None else 404)
            if answer == 429:
                self.send_header("Retry-After", self.script.retry_after)
            self.end_headers()
            return
        if answer == "html":
            content = b"<!doctype html><title>Please log in</title>"
        if start > len(content):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        length = len(content) - start
        if answer == "too short":  # and says so
            length -= 20
        self.send_header("Content-Length", str(length + 50 * (answer == "too long")))
        self.end_headers()
        sent = content[start:]
        self.wfile.write(sent[: len(sent) // 2] if answer == "break" else sent[:length])

    def log_message(self, *unused_args):
        pass


class Script:
    def __init__(self, files):
        self.files, self.answers, self.requests = files, {}, []
        self.retry_after = "0.2"

    def starts(self, name):
        return [start for n, start, _ in self.requests if n == name]


@pytest.fixture
def server(tmp_path):
    files = {
        f"{n}.zip": zoo_files.write_model(tmp_path, n).read_bytes() for n in (0, 1, 2)
    }
    script = Script(files)
    handler = functools.partial(Handler, script)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=[0.01])
        thread.start()
        script.base = f"http://127.0.0.1:{httpd.server_port}"
        yield script
        httpd.shutdown()
        thread.join()


def run(server, folder, numbers=(0, 1, 2), **kwargs):
    return fetch.fetch(numbers, str(folder), server.base, first_wait=0.01, **kwargs)


def check_whole(server, folder, names=("0.zip", "1.zip", "2.zip")):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names:
        assert (folder / name).read_bytes() == server.files[name]


def test_zips_are_fetched_once(server, tmp_path):
    assert run(server, tmp_path / "zoo") == {}
    check_whole(server, tmp_path / "zoo")
    run(server, tmp_path / "zoo")
    assert len(server.requests) == 3


def test_folder_serves_as_well_as_a_server(server, tmp_path):
    # The server's fixture has left its zips in tmp_path.
    for base in (str(tmp_path), tmp_path.as_uri()):
        target = tmp_path / f"zoo{base[0] == '/'}"
        assert set(fetch.fetch([0, 7], str(target), base)) == {7}
        check_whole(server, target, ["0.zip"])


def test_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.answers["1.zip"] = ["break"]
    assert run(server, tmp_path / "zoo") == {}
    check_whole(server, tmp_path / "zoo")
    first, second = server.starts("1.zip")
    assert first == 0 and second == len(server.files["1.zip"]) // 2


def test_zip_that_is_too_long_is_not_fetched_and_not_asked_for_again(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 100)
    failed = fetch.fetch([0], tmp_path / "zoo", server.base, first_wait=0.01)
    assert "0.zip has" in failed[0] and server.starts("0.zip") == [0]
    assert list((tmp_path / "zoo").iterdir()) == []


def test_interrupted_download_is_continued_by_the_next_call(server, tmp_path):
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "1.zip.part").write_bytes(server.files["1.zip"][:100])
    assert run(server, folder, [1]) == {}
    assert server.starts("1.zip") == [100]
    check_whole(server, folder, ["1.zip"])


def test_rest_of_another_file_is_noticed_and_fetched_anew(server, tmp_path):
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "1.zip.part").write_bytes(server.files["0.zip"][:-40])
    assert run(server, folder, [1]) == {}
    assert server.starts("1.zip")[-1] == 0
    check_whole(server, folder, ["1.zip"])


def test_missing_model_is_named_and_the_others_come(server, tmp_path):
    failed = run(server, tmp_path / "zoo", [0, 5, 2])
    assert list(failed) == [5]
    assert "404" in failed[5]
    assert len(server.starts("5.zip")) == 1  # asking again would not help
    check_whole(server, tmp_path / "zoo", ["0.zip", "2.zip"])


def test_server_that_refuses_everything_is_asked_no_further(server, tmp_path):
    server.answers = {f"{n}.zip": [403] for n in range(3)}
    with pytest.raises(UserError, match="403"):
        run(server, tmp_path / "zoo", workers=1)
    assert len(server.requests) == 1


def test_public_address_says_plainly_that_it_refuses(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PUBLIC_BASE", server.base)
    server.answers["0.zip"] = [403]
    with pytest.raises(UserError, match="refused access to everyone since 2026"):
        run(server, tmp_path / "zoo", [0])


def test_single_refusal_among_others_is_only_named(server, tmp_path):
    server.answers["1.zip"] = [403]
    assert list(run(server, tmp_path / "zoo", workers=1)) == [1]
    check_whole(server, tmp_path / "zoo", ["0.zip", "2.zip"])


def test_server_that_asks_for_patience_gets_it(server, tmp_path):
    server.answers["0.zip"] = [429, 503]
    assert run(server, tmp_path / "zoo", workers=1) == {}
    check_whole(server, tmp_path / "zoo")
    times = [moment for _, _, moment in server.requests]
    assert times[1] - times[0] >= 0.2


def test_patience_has_an_end(server, tmp_path):
    server.retry_after = "0"
    server.answers["0.zip"] = [429] * 99
    failed = run(server, tmp_path / "zoo", [0])
    assert "429" in failed[0]
    assert len(server.requests) == 5


def test_web_page_is_not_kept_as_a_zip(server, tmp_path):
    server.answers["1.zip"] = ["html"] * 9
    failed = run(server, tmp_path / "zoo")
    assert "web page" in failed[1]
    check_whole(server, tmp_path / "zoo", ["0.zip", "2.zip"])


@pytest.mark.parametrize("answer", ["too short", "too long"])
def test_wrong_length_is_not_kept(server, tmp_path, answer):
    server.answers["1.zip"] = [answer] * 9
    assert list(run(server, tmp_path / "zoo", [1])) == [1]
    assert not (tmp_path / "zoo" / "1.zip").exists()


def test_wrong_length_once_is_mended(server, tmp_path):
    server.answers["1.zip"] = ["too short"]
    assert run(server, tmp_path / "zoo", [1]) == {}
    check_whole(server, tmp_path / "zoo", ["1.zip"])


def test_hostile_zip_is_not_kept(server, tmp_path):
    path = zoo_files.write_zip(tmp_path / "bad.zip", {"../../out": b"x"})
    server.files["1.zip"] = path.read_bytes()
    failed = run(server, tmp_path / "zoo", [1])
    assert "leaves its folder" in failed[1]
    assert not list((tmp_path / "zoo").iterdir())


def test_unreachable_place_is_given_up(tmp_path):
    with pytest.raises(UserError, match="127.0.0.1"):
        fetch.fetch(
            range(50), str(tmp_path), "http://127.0.0.1:9", workers=1, first_wait=0.01
        )


def test_base_that_is_no_address_is_named(tmp_path):
    with pytest.raises(UserError, match="--base=nowhere"):
        fetch.fetch([0], str(tmp_path), "nowhere")


@pytest.mark.parametrize(
    "text, seconds", [("3", 3.0), (None, 0.0), ("soon", 0.0), ("-1", 0.0)]
)
def test_retry_after_is_read(text, seconds):
    assert fetch._retry_after(text) == seconds


def test_retry_after_may_be_a_date():
    moment = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    assert 90 < fetch._retry_after(moment) <= 101
