#!/usr/bin/env bash
# bench_plot.sh PROGRAMS FILE.svg: draws the curves of scripts/bench --plot by gnuplot(1): streams against
# cycles a packet, and streams against bytes a second of one rx core; the points are printed.
set -euo pipefail

PROGRAMS=$1
OUT=$2
POINTS=$(mktemp)
trap 'rm -f "$POINTS"' EXIT

# streams, cycles a packet beyond the source, bytes of audio a second that one core takes at that
points() {
	local streams object
	object=$(mktemp)
	for streams in 1000 4000 16000 50000 105000 160000 262000; do
		: >"$object"
		"$PROGRAMS/rx_bench" --streams "$streams" --seconds 2 --only 'recorded, all' --json "$object" >/dev/null
		sed 's/.*"beyond_ns":\([0-9.]*\).*"cycles":\([0-9.]*\).*/\1 \2/' "$object" |
			awk -v s="$streams" '{ printf "%d\t%.1f\t%.3f\n", s, $2, 172 / $1 }'
	done
	rm -f "$object"
}

command -v gnuplot >/dev/null || {
	echo "error: gnuplot is not installed (package gnuplot-nox)" >&2
	exit 1
}
points | tee "$POINTS"
gnuplot <<-END
	set terminal svg size 900,360 font "sans,11"
	set output "$OUT"
	set multiplot layout 1,2
	set logscale x
	set grid
	set key off
	set format x "%.0s%c"
	set xlabel "streams"
	set yrange [0:*]
	set ylabel "cycles a packet, beyond its source"
	plot "$POINTS" using 1:2 with linespoints pt 7
	set ylabel "GB/s of RTP into chunks, one core"
	plot "$POINTS" using 1:3 with linespoints pt 7
	unset multiplot
END
echo "drawn: $OUT"
