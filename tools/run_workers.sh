#!/usr/bin/env bash
# Starts N workers of one training command on this machine, and all of them again when one dies.
#
#   tools/run_workers.sh 2 python -m keras_pose.tips.train --flagfile=... --model_dir=runs/lifter
#
# Each worker gets a TF_CONFIG of its own. Workers that lose another end by themselves, since sums over all
# of them cannot go on; started again, they go on from the newest checkpoint. SIGTERM and SIGINT reach the
# workers, which save and stop. MOST_RESTARTS (default 20) ends a run that dies at one place for ever;
# FIRST_PORT (default 41200) is the first worker's port, the others take the next ones; LOG_DIR, where it
# is given, takes the output of all workers but the first.
set -u

if [ $# -lt 2 ] || ! [ "$1" -ge 1 ] 2>/dev/null; then
    echo "usage: $0 NUMBER_OF_WORKERS COMMAND...; for instance: $0 2 python -m keras_pose.tips.train --model_dir=run" >&2
    exit 2
fi
count=$1
shift
first_port=${FIRST_PORT:-41200}
most=${MOST_RESTARTS:-20}
command=("$@")
pids=()
asked=""

stop() {
    asked=$1
    [ ${#pids[@]} -eq 0 ] || kill "-$1" "${pids[@]}" 2>/dev/null
}
trap 'stop TERM' TERM
trap 'stop INT' INT

# Waits for one process to its end; a signal to this script interrupts `wait` but not the worker.
result() {
    local code
    while :; do
        wait "$1"
        code=$?
        kill -0 "$1" 2>/dev/null || break
    done
    wait "$1" 2>/dev/null && return 0
    return "$code"
}

restarts=0
port=$first_port
while :; do
    addresses=""
    for ((index = 0; index < count; index++)); do
        addresses+="${addresses:+, }\"localhost:$((port + index))\""
    done
    pids=()
    for ((index = 0; index < count; index++)); do
        config="{\"cluster\": {\"worker\": [$addresses]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"
        if [ "$index" -gt 0 ] && [ -n "${LOG_DIR:-}" ]; then
            mkdir -p "$LOG_DIR"
            TF_CONFIG="$config" "${command[@]}" >>"$LOG_DIR/worker-$index.log" 2>&1 &
        else
            TF_CONFIG="$config" "${command[@]}" &
        fi
        pids+=($!)
    done
    worst=0
    for pid in "${pids[@]}"; do
        result "$pid"
        code=$?
        [ "$code" -le "$worst" ] || worst=$code
    done
    [ "$worst" -eq 0 ] && exit 0
    # Where all say 1, they said a sentence about settings, data or the disk, which no restart mends.
    if [ -n "$asked" ] || [ "$worst" -eq 1 ]; then
        exit "$worst"
    fi
    restarts=$((restarts + 1))
    if [ "$restarts" -gt "$most" ]; then
        echo "run_workers.sh: the workers died $restarts times (last exit code $worst); read what they said, then start again." >&2
        exit "$worst"
    fi
    echo "run_workers.sh: a worker ended with exit code $worst; all $count are started again ($restarts of at most $most)." >&2
    # Another --restart would throw away what has just been trained.
    kept=()
    for argument in "${command[@]}"; do
        case $argument in --restart | --restart=true) ;; *) kept+=("$argument") ;; esac
    done
    command=("${kept[@]}")
    sleep "${PAUSE_S:-1}"
done
