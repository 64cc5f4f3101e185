#!/bin/sh
# The whole path, from nothing to answers, in a folder `quickstart`. Each command is shown before it
# runs; all can be run again by hand. A second run goes on where the first one stopped.
set -eu

HOME_FOLDER=quickstart
STEPS=${STEPS:-500}

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

mkdir -p "$HOME_FOLDER"
cd "$HOME_FOLDER"
began=$(date +%s)

run clara demo corpus
run clara prepare folder corpus shards
run clara stats shards
run clara train tiny --data shards --out run --train.steps "$STEPS" --optim.warmup 30
run clara evaluate run --data shards --tasks corpus/sound corpus/keyword corpus/language \
    --report report
run clara classify corpus/sounds/rain-test-00.flac --model run \
    --labels siren Glocke pluie ветер 时钟 rain

minutes=$((($(date +%s) - began + 59) / 60))
cat <<END

Done in $minutes minutes. The report is $HOME_FOLDER/report/index.html

Next, in the folder $HOME_FOLDER and with the environment on (. .venv/bin/activate):
  clara classify corpus/words/pl-dog-f3.flac --model run --labels pies дом Hund
  clara embed corpus/sounds --model run --out rows.parquet
  clara corpora                       what else there is to train on, and how to get it
  clara prepare --help                your own recordings: a manifest of a few columns
END
