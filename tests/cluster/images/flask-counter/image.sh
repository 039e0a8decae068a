# shellcheck shell=bash disable=SC2034
# What the Dockerfile of the example builds, with Debian's Flask and Redis client for those of its requirements.txt.
image=docker.io/library/flask-counter:latest
inputs=("$repository/examples/flask-redis/app.py")
options=(--workdir /code --cmd python --cmd app.py --expose 5000/tcp --env PYTHONUNBUFFERED=1)

layer() {
  install -D -m 644 "${inputs[0]}" "$1/code/app.py"
  install -d "$1/usr/local/bin"
  ln -s /usr/bin/python3 "$1/usr/local/bin/python"
}
