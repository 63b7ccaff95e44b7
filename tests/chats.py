"""Where a bot's messages arrive: a webhook and a Telegram API on loopback, each with what it was sent."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import freqtrade.rpc.telegram
from telegram.ext import Application

BOT = {"id": 1, "is_bot": True, "first_name": "b", "username": "b"}
MESSAGE = {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}, "text": "x"}


class Chats:
    """What arrived, oldest first."""

    def __init__(self, url):
        self.webhook, self.telegram, self.pings, self.url = [], [], [], url
        self.config = {
            "telegram": {"enabled": True, "token": "1:t", "chat_id": "1"},
            "webhook": {
                "enabled": True, "url": f"{url}/hook", "format": "json", "allow_custom_messages": True,
                "strategy_msg": {"text": "{msg}"},
            },
        }  # fmt: skip

    def take(self, path, body, kind):
        if path == "/hook":
            self.webhook.append(json.loads(body)["text"])
        elif path.endswith("/sendMessage"):
            given = json.loads(body) if "json" in kind else {k: v[0] for k, v in parse_qs(body.decode()).items()}
            self.telegram.append(given["text"])
        elif path.startswith("/ping"):
            self.pings.append(path)

    def answer(self, path):
        if path.endswith("/getMe"):
            return {"ok": True, "result": BOT}
        return {"ok": True, "result": MESSAGE if path.endswith("/sendMessage") else [] if "Updates" in path else True}


@contextmanager
def chats(monkeypatch):
    """Serve both, and let freqtrade's Telegram speak to this one: it offers no key for the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.take(self.path, body, self.headers.get("Content-Type") or "")
            if self.path.endswith("/getUpdates"):
                left.wait(0.2)
            said = json.dumps(found.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST

        def log_message(self, format, *args):
            pass

    def own_app(self):
        return Application.builder().token("1:t").base_url(f"{found.url}/bot").build()

    left = threading.Event()
    monkeypatch.setattr(freqtrade.rpc.telegram.Telegram, "_init_telegram_app", own_app)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.handle_error = True, lambda *gone: None
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found = Chats(f"http://127.0.0.1:{server.server_port}")
        yield found
        left.set()
        server.shutdown()
