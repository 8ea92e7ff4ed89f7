# The rows of scripts/bench that are more than a program: what is measured beside what. Each prints text,
# and appends an object a figure to $RESULTS. Sourced by scripts/bench, after common.sh.
# shellcheck shell=bash

BENCH=$ROOT/build/tests/bench
OTHER_FILES=1100 # descriptors that are no track files

# Runs a program of tests/bench: its text is shown, its objects are kept.
figures() {
	local output status=0
	output=$(mktemp)
	"$@" >"$output" 2>"$output.err" || status=$?
	grep '^{' "$output" >>"$RESULTS" || true
	grep -v '^{' "$output" || true
	[ "$status" -eq 0 ] || cat "$output.err" >&2
	rm -f "$output" "$output.err"
	return "$status"
}

# figure JSON: one that a row has worked out itself.
figure() {
	printf '%s\n' "$1" >>"$RESULTS"
}

# As many tracks as files may be open.
most_tracks() {
	local files
	files=$(ulimit -Hn)
	[ "$files" = unlimited ] && files=1048576
	echo $((files - OTHER_FILES))
}

free_mib() {
	df -m --output=avail "$1" | tail -n 1
}

# Writes that the kernel sent to a worker thread; counts nothing where perf(1) may not.
count_punts() {
	local counted=$1
	shift
	if perf stat -e io_uring:io_uring_queue_async_work true >/dev/null 2>&1; then
		perf stat -x , -o "$counted" -e io_uring:io_uring_queue_async_work "$@"
	else
		"$@"
	fi
}

# fio, of the same size and block size, to as many files, sized ahead: "MB/s us-of-CPU-a-write".
fio_rate() {
	local work=$1 mib=$2 files=$3 block=$4
	fio --name=baseline --directory="$work" --rw=randwrite --bs="${block}k" --direct=1 --ioengine=io_uring \
		--fixedbufs=1 --iodepth=64 --nrfiles="$files" --file_service_type=random --size="${mib}m" --fallocate=posix \
		--output-format=json 2>/dev/null |
		/usr/bin/python3 -c '
import json, sys
job = json.load(sys.stdin)["jobs"][0]
write = job["write"]
cpu_us = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] * 1e3
print("%.0f %.2f" % (write["bw_bytes"] / 1e6, cpu_us / write["total_ios"]))'
}

writer_row() {
	local work=$1 mib=$2 tracks=$3 block=64 written baseline
	printf '\n== Disk: %s MiB to %s files in %s, chunks of %s KiB\n' "$mib" "$tracks" "$work" "$block"
	mkdir -p "$work/fio"
	written=$(mktemp)
	count_punts "$written.punts" "$BENCH/writer_bench" --mib "$mib" --tracks "$tracks" --chunk-kib "$block" "$work" |
		tee "$written"
	command -v fio >/dev/null || {
		echo "baseline: fio is not installed"
		return
	}
	baseline=$(fio_rate "$work/fio" "$mib" "$tracks" "$block")
	rm -rf "$work/fio"
	/usr/bin/python3 - "$written" "$tracks" "$block" "$baseline" <<-'END' | tee >(grep '^{' >>"$RESULTS") | grep -v '^{'
		import json, os, re, sys
		text = open(sys.argv[1]).read()
		mb = float(re.search(r": (\d+) MB/s", text).group(1))
		us = float(re.search(r"writer threads ([\d.]+) us", text).group(1))
		baseline_mb, baseline_us = map(float, sys.argv[4].split())
		punts = None
		if os.path.exists(sys.argv[1] + ".punts"):
		    found = re.search(r"^(\d+),", open(sys.argv[1] + ".punts").read(), re.M)
		    punts = int(found.group(1)) if found else None
		print("baseline: fio %.0f MB/s, %.1f us of CPU a write; ratios %.2f and %.2f; writes sent to a worker thread: %s"
		      % (baseline_mb, baseline_us, mb / baseline_mb, us / baseline_us, "not counted" if punts is None else punts))
		print(json.dumps({"bench": "writer", "row": "throughput", "files": int(sys.argv[2]), "chunk_kib": int(sys.argv[3]),
		                  "mb_per_s": mb, "baseline_mb_per_s": baseline_mb, "ratio": round(mb / baseline_mb, 3), "goal": 0.9}))
		print(json.dumps({"bench": "writer", "row": "CPU a write", "us": us, "baseline_us": baseline_us,
		                  "ratio": round(us / baseline_us, 3), "goal": 1.5, "to_workers": punts}))
	END
	rm -f "$written" "$written.punts"
}

# The highest count of streams of which none loses a packet: from the most that files, disk and goal
# allow, downwards.
whole_row() {
	local work=$1 seconds=$2 most=$3 streams output
	printf '\n== The whole recorder on two cores: calls at real time, %s s each try\n' "$seconds"
	output=$(mktemp)
	for streams in 105000 84000 63000 52000 42000 31000 25000 18900 15000 12000 9000 6000 4000 2000 1000; do
		[ "$streams" -le "$most" ] || continue
		[ $((streams * (seconds * 9 + 512) / 1024)) -lt "$(free_mib "$work")" ] || continue
		"$BENCH/whole_bench" --streams "$streams" --seconds "$seconds" --legs-per-s 1000 --buffer-mib "$BUFFER_MIB" "$work" \
			>"$output" 2>/dev/null || {
			cat "$output"
			die "whole_bench: accounts or contents are wrong at $streams streams"
		}
		grep -v '^{' "$output"
		grep '^{' "$output" >>"$RESULTS"
		if grep -q '"lossless":true' "$output"; then
			printf 'highest lossless count that was tried: %s streams\n' "$streams"
			break
		fi
	done
	rm -f "$output"
}

memory_row() {
	local work=$1 streams=$2
	printf '\n== Legs that are known and not recorded\n'
	figures "$BENCH/whole_bench" --idle --streams "$streams" --seconds 1 --legs-per-s 2000 "$work"
}

render_row() {
	local minutes=$1 rounds=$2
	printf '\n== Rendering to WAV, one core\n'
	figures "$BENCH/render_bench" --minutes "$minutes" --rounds "$rounds"
}

# CPU seconds of a command, user and system.
cpu_seconds() {
	local TIMEFORMAT='%U %S'
	{ time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ printf "%.2f", $1 + $2 }'
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

read_row() {
	local work=$1 calls=$2 seconds=$3 rounds=$4 ours theirs written i
	printf '\n== legtapd --read: %s calls, 2 legs, %s s\n' "$calls" "$seconds"
	"$ROOT/build/tests/tools/callgen" --calls "$calls" --legs 2 --seconds "$seconds" --law mixed --out "$work/calls.pcap" \
		--truth "$work/truth.jsonl"
	echo '{"sbc": {"addresses": ["10.0.0.1"]}}' >"$work/read.json"
	ours=$(for ((i = 0; i < rounds; i++)); do
		cpu_seconds "$ROOT/build/controlplane/legtapd" --read "$work/calls.pcap" --out "$work/read$i" \
			--config "$work/read.json"
		echo
	done | median)
	written=$(find "$work/read0" -name '*.wav' | wc -l)
	[ "$written" -eq $((calls * 2)) ] || die "legtapd --read wrote $written WAVs of $((calls * 2))"
	"$ROOT/build/tests/tools/wavverify" --recordings "$work/read0/recordings.jsonl" --directory "$work/read0" \
		--truth "$work/truth.jsonl" --tracks BOTH | tail -n 1
	theirs=$(command -v tshark >/dev/null && cpu_seconds tshark -q -z rtp,streams -r "$work/calls.pcap" || echo 0)
	printf 'read: %s CPU s, %s WAVs written and compared; baseline: tshark -q -z rtp,streams %s CPU s\n' "$ours" "$written" \
		"$theirs"
	figure "$(awk -v o="$ours" -v t="$theirs" -v w="$written" 'BEGIN {
		printf "{\"bench\":\"read\",\"row\":\"CPU\",\"wavs\":%d,\"cpu_s\":%s,\"baseline_cpu_s\":%s,\"ratio\":%.3f,\"goal\":4}",
			w, o, t, (t > 0 ? o / t : 0) }')"
	rm -rf "$work"/calls.pcap "$work"/truth.jsonl "$work"/read*
}
