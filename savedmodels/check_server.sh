#!/usr/bin/env bash
# Checks a TensorFlow Serving server against docs/serving.md and exits with 1 if anything is wrong.
#
#   check_server.sh HOST:REST_PORT [HOST:GRPC_PORT] [check_server.py's flags]
#   check_server.sh [check_server.py's flags]
#
# The second form starts a server of the models in this folder: the program tensorflow_model_server if
# it is there, or else the image tensorflow/serving by docker. Without either it exits with 2: nothing
# was checked. PYTHON names the Python, TF_SERVING_VERSION the image's release.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
models=$here
for argument in "$@"; do
  case $argument in --models_dir=*) models=$(cd "${argument#--models_dir=}" && pwd) ;; esac
done
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}

check() {
  "$python" "$here/check_server.py" "$@"
}

if [[ -n ${1:-} && $1 != --* && $1 != *:* ]]; then
  echo "nothing was checked: '$1' has no port; give HOST:REST_PORT HOST:GRPC_PORT of a server"
  exit 2
fi

if [[ ${1:-} == *:* && ${1:-} != --* ]]; then
  rest=$1
  shift
  flags=(--rest="$rest")
  if [[ ${1:-} == *:* && ${1:-} != --* ]]; then
    flags+=(--grpc="$1")
    shift
  fi
  echo "checking the server at $rest"
  check "${flags[@]}" "$@"
  exit
fi

free_port() {
  "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
grpc_port=$(free_port)
rest_port=$(free_port)
work=$(mktemp -d)
stop=()
clean_up() {
  [[ ${#stop[@]} == 0 ]] || "${stop[@]}" >"$work/stop.log" 2>&1 || true
  wait || true
  rm -rf "$work"
}
trap clean_up EXIT

settings=(--enable_batching=true --allow_version_labels_for_unavailable_models=true)
if command -v tensorflow_model_server >/dev/null; then
  echo "starting $(command -v tensorflow_model_server)"
  # The committed file names the folder that containers see.
  sed "s|base_path: \"/models/|base_path: \"$models/|" "$models/models.config" >"$work/models.config"
  tensorflow_model_server --port="$grpc_port" --rest_api_port="$rest_port" \
    --model_config_file="$work/models.config" "${settings[@]}" \
    --batching_parameters_file="$here/batching_parameters_cpu.txt" \
    --monitoring_config_file="$here/monitoring.config" >"$work/server.log" 2>&1 &
  server=$!
  stop=(kill "$server")
  alive() { kill -0 "$server" 2>/dev/null; }
  log() { tail -n 20 "$work/server.log"; }
elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  image=tensorflow/serving:${TF_SERVING_VERSION:-2.20.0}
  echo "starting $image by docker"
  server=$(docker run --detach --publish "127.0.0.1:$grpc_port:8500" \
    --publish "127.0.0.1:$rest_port:8501" --volume "$models:/models:ro" --volume "$here:/settings:ro" \
    --entrypoint tensorflow_model_server "$image" --port=8500 --rest_api_port=8501 \
    --model_config_file=/models/models.config "${settings[@]}" \
    --batching_parameters_file=/settings/batching_parameters_cpu.txt \
    --monitoring_config_file=/settings/monitoring.config)
  stop=(docker rm --force "$server")
  alive() { [[ $(docker inspect --format '{{.State.Running}}' "$server") == true ]]; }
  log() { docker logs --tail 20 "$server" 2>&1; }
else
  echo "nothing was checked: no server was named, and neither tensorflow_model_server nor a running" \
    "docker was found; give HOST:REST_PORT HOST:GRPC_PORT of a server"
  exit 2
fi

# The REST port opens when all models are loaded and warmed up.
for ((second = 0; second < ${WAIT_S:-300}; second++)); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$rest_port") 2>/dev/null; then
    check --rest="127.0.0.1:$rest_port" --grpc="127.0.0.1:$grpc_port" "$@"
    exit
  fi
  if ! alive; then
    echo "FAILED: the server stopped before it served; its last lines were:"
    log
    exit 1
  fi
  sleep 1
done
echo "FAILED: the server did not open its REST port in ${WAIT_S:-300} seconds; its last lines were:"
log
exit 1
