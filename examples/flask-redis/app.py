"""A page that counts its visits in Redis."""

import socket

import redis
from flask import Flask

app = Flask(__name__)
counter = redis.Redis(host="redis", port=6379, socket_timeout=5)


@app.route("/")
def visit():
    """Counts one visit and tells how many there were."""
    visits = counter.incr("visits")
    return f"visit {visits}, answered by {socket.gethostname()}\n"


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
