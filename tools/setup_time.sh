#!/bin/sh
# How long it takes from a clone to the first printed accuracy, without and with pip's cache, N times each:
#   tools/setup_time.sh 3
# The clone is of what is committed here. Beside each time is the machine's load: 0 is a machine that does nothing else.
cd "$(dirname "$0")/.." || exit
# Each clone trains in a folder of its own, or the second would find the first one's model.
unset TF_TUTORIAL_RUNS
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

load() {
    uptime | sed 's/.*averages*: *\([0-9.]*\).*/\1/'
}

try=0
while [ $((try += 1)) -le "${1:-3}" ]; do
    rm -rf "$folder/cache"
    for cache in without with; do
        rm -rf "$folder/clone"
        before=$(load)
        start=$(date +%s)
        git clone -q . "$folder/clone" &&
        PIP_CACHE_DIR=$folder/cache make -C "$folder/clone" mnist > "$folder/log" 2>&1 || { tail "$folder/log"; exit 1; }
        seconds=$(($(date +%s) - start))
        echo "$cache pip's cache: $seconds s, $(sed -n 's/^Ready after \([0-9]* s\).*/\1/p' "$folder/log") of them the" \
            "set-up; load $before before, $(load) after; $(sed -n 's/.*, \(test accuracy = .*\)/\1/p' "$folder/log")"
    done
done
