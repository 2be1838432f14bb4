#!/usr/bin/env python3
"""The ClickHouse engine (`chdb`) behind ClickHouse's HTTP interface, for tests.

The engine is the real one; its listener is not part of the package, so this file plays it: the query in the body or in
`query=`, `database`, `default_format`, settings and `param_*` as URL or form parameters, users and keys in headers or
in the URL, `KILL QUERY`, exceptions before the first row as an HTTP error and later ones as the tagged frame that a
server of 25.11 or newer writes.

Usage: clickhouse_front.py [--port 0] [--data FOLDER] [--user NAME --password WORD] [--init FILE.sql]
                           [--tls-port PORT --certificate FILE.pem --key FILE.pem]
It prints `listening on PORT` when it is ready, and ends when its standard input closes or on SIGTERM.
"""

import argparse
import email.parser
import email.policy
import os
import re
import secrets
import shutil
import signal
import ssl
import sys
import tempfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import chdb

# What is not a setting among the parameters of a request.
RESERVED = {
    "query", "database", "default_format", "user", "password", "query_id", "session_id", "session_timeout", "role",
    "quota_key", "stacktrace", "close_session", "session_check", "compress", "decompress", "wait_end_of_query",
    "buffer_size", "enable_http_compression", "client_protocol_version", "cancel_http_readonly_queries_on_client_close",
}
ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
ERROR = re.compile(r"Code: (\d+)\. DB::Exception: ")
KILL = re.compile(r"^\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*(?:'([^'\\]*)'|\{(\w+):String\})", re.IGNORECASE)
FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
# Which HTTP status an error has, as the server chooses it; 500 for all others.
STATUS = {
    62: 400, 27: 400, 26: 400, 43: 400, 46: 404, 47: 404, 60: 404, 81: 404, 115: 404, 457: 400,
    192: 403, 193: 403, 194: 403, 516: 403, 497: 403, 159: 408, 202: 503,
}
READ_ONLY = re.compile(r"^\s*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|EXISTS|VALUES|KILL|\()", re.IGNORECASE)


class Running:
    """The queries that run now, by their id, so that one can be killed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.streams = {}
        self.killed = set()
        self.kills = 0

    def add(self, query_id, stream):
        with self.lock:
            self.streams[query_id] = stream

    def remove(self, query_id):
        with self.lock:
            self.streams.pop(query_id, None)
            self.killed.discard(query_id)

    def kill(self, query_id):
        with self.lock:
            self.kills += 1
            if query_id in self.streams:
                self.killed.add(query_id)
                return True
            return False

    def is_killed(self, query_id):
        with self.lock:
            return query_id in self.killed

    def ids(self):
        with self.lock:
            return sorted(self.streams)


class Failure(Exception):
    """An exception of the engine, with its number."""

    def __init__(self, text, code=None):
        found = ERROR.search(text)
        self.code = code if code is not None else int(found.group(1)) if found else 1002
        body = text[found.start():] if found else f"Code: {self.code}. DB::Exception: {text}"
        super().__init__(body.strip() + f" (version {VERSION} (chdb))")

    def status(self):
        return STATUS.get(self.code, 500)


VERSION = ""
RUNNING = Running()


class Arrow:
    """Joins the engine's chunks, each a whole Arrow stream, into the one stream that a server sends."""

    def __init__(self):
        self.first = True

    def join(self, chunk):
        body = chunk[: -len(ARROW_END)] if chunk.endswith(ARROW_END) else chunk
        if self.first:
            self.first = False
            return body
        schema = 8 + int.from_bytes(body[4:8], "little")
        return body[schema:]

    def end(self):
        return b"" if self.first else ARROW_END


class Plain:
    """Formats whose chunks can stand one behind the other."""

    def join(self, chunk):
        return chunk

    def end(self):
        return b""


def literal(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def chunks(connection, query, fmt, parameters, query_id):
    """The bytes of an answer as the engine makes them."""
    joiner = Arrow() if fmt == "ArrowStream" else Plain()
    empty = True
    if READ_ONLY.match(query):
        try:
            stream = connection.send_query(query, fmt, params=parameters)
        except Exception as error:
            raise Failure(str(error)) from None
        RUNNING.add(query_id, stream)
        try:
            for chunk in stream:
                if RUNNING.is_killed(query_id):
                    raise Failure("Query was cancelled. (QUERY_WAS_CANCELLED)", code=394)
                data = chunk.bytes()
                if data:
                    empty = False
                    yield joiner.join(data)
        except Failure:
            raise
        except GeneratorExit:
            raise
        except Exception as error:
            raise Failure(str(error)) from None
        finally:
            RUNNING.remove(query_id)
            try:
                stream.close()
            except Exception:
                pass
    if empty:
        # A stream without rows has no chunk, and so no header: asked for as a whole it has one.
        try:
            answer = connection.query(query, fmt, params=parameters)
        except Exception as error:
            raise Failure(str(error)) from None
        data = answer.bytes() if hasattr(answer, "bytes") else b""
        if data:
            yield data
        return
    yield joiner.end()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "chdb"
    # Rows must not wait for the next packet.
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.read_body())

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, body):
        address = urlsplit(self.path)
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        if address.path == "/ping":
            return self.whole(200, b"Ok.\n")
        if address.path == "/running":
            return self.whole(200, "\n".join(RUNNING.ids()).encode())
        if address.path == "/kills":
            return self.whole(200, str(RUNNING.kills).encode())
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            parameters.update(form(kind, body))
            body = b""
        query = (parameters.get("query", "") + "\n" + body.decode("utf-8", "surrogateescape")).strip()
        query_id = parameters.get("query_id") or self.headers.get("X-ClickHouse-Query-Id") or str(uuid.uuid4())
        try:
            self.authenticate(parameters)
            killed = KILL.match(query)
            if killed:
                target = killed.group(1) or parameters.get(f"param_{killed.group(2)}", "")
                found = RUNNING.kill(target)
                return self.whole(200, f"waiting\t{target}\n".encode() if found else b"", query_id)
            self.run(query, parameters, query_id)
        except Failure as failure:
            headers = {"X-ClickHouse-Exception-Code": str(failure.code)}
            self.whole(failure.status(), str(failure).encode("utf-8", "surrogateescape") + b"\n", query_id, headers)

    def authenticate(self, parameters):
        user = self.headers.get("X-ClickHouse-User") or parameters.get("user") or "default"
        password = self.headers.get("X-ClickHouse-Key") or parameters.get("password") or ""
        wanted = self.server.user
        if wanted and (user, password) != wanted:
            raise Failure(f"{user}: Authentication failed. (AUTHENTICATION_FAILED)", code=516)

    def run(self, query, parameters, query_id):
        named = FORMAT.search(query)
        fmt = named.group(1) if named else parameters.get("default_format") or "TabSeparated"
        try:
            connection = chdb.connect(self.server.data)
        except Exception as error:
            raise Failure(str(error)) from None
        try:
            self.prepare(connection, parameters)
            values = {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}
            rows = chunks(connection, query, fmt, values, query_id)
            # The first chunk before the status line: an error before it is an HTTP error.
            first = next(rows, b"")
            self.stream(first, rows, query_id, fmt)
        finally:
            connection.close()

    def prepare(self, connection, parameters):
        statements = [
            f"SET {name} = {literal(value)}"
            for name, value in parameters.items()
            if name not in RESERVED and not name.startswith("param_")
        ]
        if parameters.get("database"):
            statements.insert(0, "USE `" + parameters["database"].replace("`", "``") + "`")
        for statement in statements:
            try:
                connection.query(statement, "Null")
            except Exception as error:
                raise Failure(str(error)) from None

    def stream(self, first, rows, query_id, fmt):
        tag = secrets.token_hex(8)
        self.send_response(200)
        self.common(query_id)
        self.send_header("X-ClickHouse-Format", fmt)
        self.send_header("X-ClickHouse-Exception-Tag", tag)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.chunk(first)
            for data in rows:
                self.chunk(data)
        except Failure as failure:
            text = str(failure).encode("utf-8", "surrogateescape")
            mark = tag.encode()
            self.chunk(b"\r\n__exception__\r\n" + mark + b"\r\n" + text + b"\n" + str(len(text) + 1).encode() + b" " + mark
                       + b"\r\n__exception__\r\n")
            # As the server does it: the connection ends without the last chunk.
            self.close_connection = True
            return
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            rows.close()
            return
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data):
        if data:
            self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")

    def whole(self, status, body, query_id="", headers=None):
        self.send_response(status)
        self.common(query_id)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def common(self, query_id):
        self.send_header("X-ClickHouse-Server-Display-Name", "chdb")
        self.send_header("X-ClickHouse-Query-Id", query_id)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Type", "application/octet-stream")


def form(kind, body):
    """The fields of a multipart form."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        fields[name] = part.get_payload(decode=True).decode("utf-8", "surrogateescape")
    return fields


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, data, user):
        super().__init__(("127.0.0.1", port), Handler)
        self.data = data
        self.user = user

    def encrypt(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # Hands are shaken by the thread of the connection, so that a slow client holds nobody up.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        # A client that goes, or that does not like the certificate, is no failure of the server.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def initialise(data, files):
    connection = chdb.connect(data)
    for file in files:
        with open(file, encoding="utf-8") as script:
            for statement in script.read().split(";\n"):
                if statement.strip():
                    connection.query(statement, "Null")
    version = str(connection.query("SELECT version()", "TabSeparated")).strip()
    # One connection stays open: the engine ends with its last one.
    return connection, version


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", default=None)
    parser.add_argument("--user", default=None)
    parser.add_argument("--password", default="")
    parser.add_argument("--init", action="append", default=[])
    parser.add_argument("--tls-port", type=int, default=None)
    parser.add_argument("--certificate", default=None)
    parser.add_argument("--key", default=None)
    options = parser.parse_args()
    folder = options.data or tempfile.mkdtemp(prefix="clickhouse-front-")
    global VERSION
    keep, VERSION = initialise(folder, options.init)
    user = (options.user, options.password) if options.user else None
    server = Server(options.port, folder, user)

    def leave(*_):
        if options.data is None:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.tls_port is not None:
        encrypted = Server(options.tls_port, folder, user)
        encrypted.encrypt(options.certificate, options.key)
        threading.Thread(target=encrypted.serve_forever, daemon=True).start()
    print(f"listening on {server.server_address[1]}", flush=True)
    sys.stdin.read()
    del keep
    leave()


if __name__ == "__main__":
    main()
