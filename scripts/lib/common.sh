# Shared by the scripts of this folder: where things are, how they talk, what is removed at the end.
# Sourced, after `set -euo pipefail`. Leaves hosts and mirrors to scripts/hosts.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly ROOT
SECONDS=0
CLEANUP=()
# What scripts/packages.txt names is Debian's, and its Python knows Debian's modules.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# say TEXT: progress, with the seconds since the start.
say() {
	printf '[%3d s] %s\n' "$SECONDS" "$*"
}

warn() {
	printf 'warning: %s\n' "$*" >&2
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# at_exit COMMAND...: run at the end, the newest first, also after Ctrl-C.
at_exit() {
	CLEANUP+=("$(printf '%q ' "$@")")
}

run_cleanup() {
	local status=$? index
	trap '' INT TERM
	set +e
	for ((index = ${#CLEANUP[@]} - 1; index >= 0; index--)); do
		eval "${CLEANUP[index]}"
	done
	exit "$status"
}

# Ends in order whatever way the script ends; call before the first at_exit.
trap_exit() {
	trap run_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# take_huge_pages MIB: reserves so much more in huge pages of 2 MiB until the script ends, all of it or
# none. False: the host has not got it to give, or not to us.
take_huge_pages() {
	local pages=$((($1 + 1) / 2)) file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages before taken
	[ -w "$file" ] || return 1
	before=$(cat "$file")
	echo $((before + pages)) >"$file" 2>/dev/null || true
	taken=$(($(cat "$file") - before))
	if [ "$taken" -lt "$pages" ]; then
		give_huge_pages "$file" "$taken"
		return 1
	fi
	at_exit give_huge_pages "$file" "$taken"
}

# Others may have taken or given some meanwhile.
give_huge_pages() {
	echo $(($(cat "$1") - $2)) >"$1"
}

# end_process PID [SECONDS]: asks it to end, insists after a while. Quiet when it is gone already.
end_process() {
	kill -TERM "$1" 2>/dev/null || return 0
	timeout "${2:-10}" tail -s 0.1 --pid="$1" -f /dev/null || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# as_owner COMMAND...: as the owner of the source tree, so that `sudo` leaves no files of root's in it.
as_owner() {
	local owner
	owner=$(stat -c %U "$ROOT")
	if is_root && [ "$owner" != root ] && [ "$owner" != UNKNOWN ]; then
		runuser -u "$owner" -- "$@"
	else
		"$@"
	fi
}

give_to_owner() {
	if is_root; then
		chown -R --reference="$ROOT" "$@"
	fi
}

# quietly LOG COMMAND...: the output goes to LOG, which is shown when the command fails.
quietly() {
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		die "this failed: $* (all of its output is in $log)"
	fi
}

# build FOLDER [meson options...]: configures once, then compiles what is out of date.
build() {
	local folder=$1
	shift
	if [ ! -f "$ROOT/$folder/build.ninja" ]; then
		as_owner meson setup "$@" "$ROOT/$folder" "$ROOT"
	fi
	as_owner ninja -C "$ROOT/$folder"
}
