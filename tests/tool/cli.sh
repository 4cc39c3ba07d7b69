#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# cli.sh FRCNN MODEL: the command line from outside: exit status, one line on stderr that names what
# is wrong, the other images of a list still run, files come back as themselves. Prints TAP. MODEL is
# a small valid model file; without it the cases that need one are skipped.
set -u
frcnn=$1 model=${2-}
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
number=0 bad=0
ok () { number=$((number + 1)); printf 'ok %d %s\n' $number "$1"; }
not_ok () { number=$((number + 1)); bad=1; printf 'not ok %d %s\n' $number "$1"; cut -c1-300 "$dir/out" "$dir/err" | sed 's/^/# /'; }
check () { if "${@:2}"; then ok "$1"; else not_ok "$1"; fi; }
run () { "$frcnn" "$@" >"$dir/out" 2>"$dir/err" </dev/null; }

# refused NAME WORD ARGUMENT...: exit 1, nothing on stdout, one line on stderr that has WORD.
refused ()
{
  local name=$1 word=$2 status
  shift 2
  run "$@"
  status=$?
  if [ $status = 1 ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" = 1 ] \
    && grep -qF -- "$word" "$dir/err" && grep -q '^frcnn: ' "$dir/err"; then
    ok "$name"
  else
    printf '# exit %s\n' $status
    not_ok "$name"
  fi
}

# picture FILE [BYTE]: a picture of 40x30 in the plainest format there is, all of one colour.
picture ()
{
  { printf 'P6\n40 30\n255\n'; head -c 3600 /dev/zero | tr '\0' "${2-z}"; } >"$1"
}

picture "$dir/a.ppm"
picture "$dir/b \"quoted\".ppm" q
: >"$dir/empty.jpg"
printf 'P6\n400 300\n255\nshort' >"$dir/short.ppm"
: >"$dir/empty.safetensors"
head -c 3000 /dev/zero >"$dir/zeros.pth"

for call in info convert detect eval bench calibrate; do
  run $call --help
  check "$call --help" [ $? = 0 -a -s "$dir/out" -a ! -s "$dir/err" ]
  run help $call
  check "help $call" [ $? = 0 -a -s "$dir/out" ]
  refused "$call: unknown option" "--frobnicate" $call --frobnicate
  refused "$call: no argument" "expected" $call
done
run --help
check "--help lists the calls" grep -q '^  bench ' "$dir/out"
run --version
check "--version" grep -q '^frcnn [0-9]' "$dir/out"
refused "no call" "no call"
refused "unknown call" "'frob'" frob
refused "unknown option" "'--frob'" --frob

refused "info: no such file" "$dir/none" info "$dir/none"
refused "info: a directory" "$dir" info "$dir"
refused "info: an empty file" "$dir/empty.safetensors" info "$dir/empty.safetensors"
refused "info: no model at all" "$dir/zeros.pth" info "$dir/zeros.pth"
refused "info: two models" "expected one MODEL" info a b
refused "bench: bad size" "'640'" bench --size 640 default
refused "bench: bad frames" "--frames" bench --frames 0 default
refused "bench: bad proposals" "--max-proposals" bench --max-proposals 2001 default
refused "bench: bad threads" "--threads" bench --threads -1 default
refused "calibrate: no output" "-o OUT" calibrate default "$dir/a.ppm"
refused "calibrate: half a labelled set" "--split" calibrate default "$dir/a.ppm" -o "$dir/c" --eval "$dir"
refused "bench: unknown precision" "f64" bench --precision f64 default
refused "detect: bad threshold" "--threshold" detect --threshold 1.5 default "$dir/a.ppm"
refused "detect: threshold is no number" "--threshold" detect --threshold x default "$dir/a.ppm"
refused "detect: threshold nan" "--threshold" detect --threshold nan default "$dir/a.ppm"
refused "detect: bad input size" "--input-size" detect --input-size -5 default "$dir/a.ppm"
refused "detect: no such model" "$dir/none" detect "$dir/none" "$dir/a.ppm"
refused "convert: unknown dtype" "f64" convert --dtype f64 default "$dir/o.safetensors"
refused "convert: empty label" "label 2" convert --labels a,,b default "$dir/o.safetensors"
refused "convert: no label file" "$dir/l.txt" convert --labels "$dir/l.txt" default "$dir/o.safetensors"
refused "convert: three files" "expected IN and OUT" convert a b c
refused "eval: no such dataset" "$dir/none" eval default "$dir/none" --split val
refused "eval: no dataset" "neither" eval default "$dir" --split val
refused "eval: unknown format" "pascal" eval default "$dir" --split val --format pascal

if [ ! -f "$model" ]; then
  ok "with a model # SKIP no default model is built in"
  printf '1..%d\n' $number
  exit $bad
fi

json_is () { python3 -c 'import json,sys
lines = [json.loads(l) for l in open(sys.argv[1])]
sys.exit(not eval("(" + sys.argv[2] + ")", {"lines": lines, "dir": sys.argv[3]}))' "$dir/out" "$1" "$dir"; }

# a calibration goes on with its numbers, and is told of where it does not
run info --json "$model"
check "info: the default model is calibrated" json_is 'lines[0]["int8_calibrated"] and
  all(" points of mean AP" in lines[0][p + "_cost"] and "voc2007 val" in lines[0][p + "_cost"]
      for p in ("bf16", "int8"))'
run convert --dtype f32 "$model" "$dir/wide.safetensors"
check "convert: f16 to f32 tells of nothing" [ $? = 0 -a ! -s "$dir/err" ]
run info --json "$dir/wide.safetensors"
check "convert: f16 to f32 keeps the calibration" json_is 'lines[0]["int8_calibrated"] and
  "bf16_cost" in lines[0] and "int8_cost" in lines[0]'
run convert --dtype bf16 "$model" "$dir/plain.safetensors"
check "convert: f16 to bf16 tells that it is left out" [ $? = 0 -a -n "$(grep calibration "$dir/err")" ]
run info --json "$dir/plain.safetensors"
check "convert: f16 to bf16 leaves it out" json_is 'not lines[0]["int8_calibrated"] and
  "bf16_cost" not in lines[0] and "int8_cost" not in lines[0]'
refused "info: a precision that the model lacks" "precision int8" info --plan 64x48 \
  --precision int8 "$dir/plain.safetensors"
run bench "$dir/plain.safetensors" --json --frames 1 --warm-up 0 --size 64x48
check "auto is f32 where nothing is known" json_is 'lines[0]["precision"] == "f32"'

refused "detect: no such image" "$dir/none.jpg" detect "$model" "$dir/none.jpg"
refused "detect: empty image" "$dir/empty.jpg" detect "$model" "$dir/empty.jpg"
refused "detect: cut-off image" "$dir/short.ppm" detect "$model" "$dir/short.ppm"
refused "detect: a model is no image" "$model" detect "$model" "$model"
refused "detect: unknown family" "fasterrcnn_nothing" detect --family fasterrcnn_nothing "$model" "$dir/a.ppm"
refused "detect: --draw into a file" "a.ppm" detect --draw "$dir/a.ppm" "$model" "$dir/a.ppm"

run detect "$model" --json "$dir/a.ppm" "$dir/none.jpg" "$dir/empty.jpg" "$dir/b \"quoted\".ppm"
check "detect: a bad image makes exit 1" [ $? = 1 ]
check "detect: a line an image that is bad" [ "$(wc -l <"$dir/err")" = 2 ]
check "detect: the others still run" json_is \
  '[l["image"] for l in lines] == [dir + "/a.ppm", dir + "/b \"quoted\".ppm"]'
check "detect: the JSON line" json_is \
  'all(list(l) == ["image", "width", "height", "objects"] and (l["width"], l["height"]) == (40, 30) for l in lines)'
run detect "$model" --json --threshold 0 "$dir/a.ppm"
check "detect: objects, best first" json_is '(lambda o: all(
  list(x) == ["label", "label_id", "score", "box"] and len(x["box"]) == 4 for x in o) and
  [x["score"] for x in o] == sorted((x["score"] for x in o), reverse=True))(lines[0]["objects"])'
run detect "$model" -- "$dir/a.ppm"
check "detect: -- ends the options" [ $? = 0 ]

run detect "$model" --draw "$dir/drawn/deep" --dump-stages "$dir/stages" "$dir/a.ppm"
check "detect: --draw writes a picture" [ $? = 0 -a -s "$dir/drawn/deep/a-detected.png" ]
check "detect: --dump-stages writes .npy" eval 'ls "$dir"/stages/*.npy >/dev/null 2>&1'
mkdir "$dir/other"
picture "$dir/other/a.ppm"
run detect "$model" --draw "$dir/drawn" "$dir/a.ppm" "$dir/other/a.ppm"
check "detect: two images of one name" [ -s "$dir/drawn/a-detected.png" -a -s "$dir/drawn/a-2-detected.png" ]

run info "$model" --json --plan 64x48
check "info --json --plan" json_is 'len(lines) == 1 and lines[0]["parameters"] > 0 and
  len(lines[0]["plan"]["layers"]) > 10 and len(lines[0]["labels"]) > 0'
run bench "$model" --json --frames 2 --warm-up 0 --size 64x48 --threads 1
check "bench --json" json_is 'len(lines) == 1 and list(lines[0]) == ["model", "precision", "threads",
  "width", "height", "frames", "median_ms", "p95_ms", "load_ms", "first_ms", "peak_bytes", "stages"] and
  lines[0]["first_ms"] > lines[0]["load_ms"] > 0 and
  lines[0]["frames"] == 2 and lines[0]["threads"] == 1 and
  all(list(s) == ["name", "median_ms", "gflops"] for s in lines[0]["stages"])'

# calibrate: a bad image spares OUT; int8 runs then, or this CPU lacks what it needs
refused "calibrate: a bad image" "$dir/empty.jpg" calibrate "$model" "$dir/a.ppm" "$dir/empty.jpg" -o "$dir/cal.safetensors" -q
check "calibrate: nothing written" [ ! -e "$dir/cal.safetensors" ]
run calibrate "$model" "$dir/a.ppm" "$dir/b \"quoted\".ppm" -o "$dir/cal.safetensors" -q
check "calibrate" [ $? = 0 -a -s "$dir/cal.safetensors" ]
run bench "$dir/cal.safetensors" --precision int8 --json --frames 1 --warm-up 0 --size 64x48
check "bench --precision int8" eval 'json_is "lines[0][\"precision\"] == \"int8\"" 2>/dev/null ||
  grep -q AVX512-BF16 "$dir/err"'

# convert: f32 out of f32 changes no byte, names, labels and family survive, bad input spares OUT
run convert "$model" "$dir/one.safetensors"
check "convert" [ $? = 0 -a -s "$dir/one.safetensors" ]
run convert "$dir/one.safetensors" "$dir/two.safetensors"
check "convert: f32 to f32 is the same file" cmp -s "$dir/one.safetensors" "$dir/two.safetensors"
run detect "$model" --json --threshold 0 "$dir/a.ppm"
cp "$dir/out" "$dir/before"
run detect "$dir/two.safetensors" --json --threshold 0 "$dir/a.ppm"
check "convert: the same detections" cmp -s "$dir/out" "$dir/before"
printf 'x1\nx2\n' >"$dir/l.txt"
cp "$dir/two.safetensors" "$dir/kept"
refused "convert: labels of the wrong count" "labels" convert --labels "$dir/l.txt" "$model" "$dir/two.safetensors"
refused "convert: a bad model" "$dir/zeros.pth" convert "$dir/zeros.pth" "$dir/two.safetensors"
check "convert: a failure spares the old file" cmp -s "$dir/two.safetensors" "$dir/kept"
refused "convert: into no folder" "$dir/no/x" convert "$model" "$dir/no/x"

# eval on two pictures, one of which is missing
mkdir -p "$dir/set/Annotations" "$dir/set/ImageSets/Main" "$dir/set/JPEGImages"
printf 'a\n' >"$dir/set/ImageSets/Main/one.txt"
printf 'a\nb\n' >"$dir/set/ImageSets/Main/two.txt"
for i in a b; do
  printf '<annotation><object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>' \
    >"$dir/set/Annotations/$i.xml"
done
picture "$dir/set/JPEGImages/a.jpg"
run eval "$model" "$dir/set" --split one --json --quiet --detections "$dir/found.jsonl"
status=$?
check "eval" [ $status = 0 -a ! -s "$dir/err" ]
check "eval --json" json_is 'lines[0]["images"] == 1 and lines[0]["classes"][0]["label"] == "dog"'
check "eval --detections" [ "$(wc -l <"$dir/found.jsonl")" = 1 ]
run eval "$model" "$dir/set" --split two --detections "$dir/found.jsonl"
check "eval: a missing image makes exit 1" [ $? = 1 ]
check "eval: a missing image is named" grep -q "b.jpg" "$dir/err"
check "eval: progress with the time left" grep -q '2/2 images.* left' "$dir/err"
check "eval: the means are printed" grep -q 'VOC area' "$dir/out"
# calibrate --eval: what each precision costs there, with metric and set, in the file and in words
run calibrate "$dir/plain.safetensors" "$dir/a.ppm" -o "$dir/cost.safetensors" --eval "$dir/set" --split one -q
status=$?
check "calibrate --eval" [ $status = 0 -a -s "$dir/cost.safetensors" ]
check "calibrate --eval: the metric of f32" grep -Eq '^f32 +[0-9.]+ +mean AP, .* on set one, 1 image' "$dir/out"
grep -q '^bf16 .* points$' "$dir/out" && runs_bf16=1 || runs_bf16=0
check "calibrate --eval: or why a precision is not there" [ $runs_bf16 = 1 -o -n "$(grep AVX512-BF16 "$dir/err")" ]
run info --json "$dir/cost.safetensors"
check "calibrate --eval: costs in the file" json_is "lines[0]['int8_calibrated'] and all(
  ' points of mean AP, ' in lines[0].get(p + '_cost', '') and lines[0][p + '_cost'].endswith(' on set one, 1 image')
  for p in (('bf16', 'int8') if $runs_bf16 else ()))"
refused "eval: --detections into no folder" "$dir/no/x" eval "$model" "$dir/set" --split one --detections "$dir/no/x"

printf '1..%d\n' $number
exit $bad
