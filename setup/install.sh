#!/bin/sh
#
# Downloads mlflow-promote, verifies it, and puts it on PATH. It works on Linux, macOS and Windows (Git's shell), in a
# GitHub job and in any other CI:
#
#	VERSION=v1.2.0 sh setup/install.sh
#
# VERSION defaults to the release whose checksums are next to this script. DOWNLOAD_URL is the address or the path of a
# folder with the files of the release. BIN_DIR is a folder to copy the program to, for machines without GitHub. Other
# releases are accepted only if a key in the file signers signed their checksums.
set -eu

repository=https://github.com/mlflow-promote/mlflow-promote
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
	# Line breaks would end the annotation.
	message=$(printf '%s' "$1" | tr '\r\n' '  ' | sed 's/%/%25/g')
	if [ -n "${GITHUB_ACTIONS:-}" ]; then
		echo "::error title=mlflow-promote setup::$message"
	else
		echo "error: $message" >&2
	fi
	exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Windows writes paths with backslashes.
unix_path() { if has cygpath; then cygpath -u "$1"; else printf '%s\n' "$1"; fi; }

sum_of() { # FILE
	if has sha256sum; then
		sha256sum <"$1"
	elif has shasum; then
		shasum -a 256 <"$1"
	else
		openssl dgst -sha256 -r <"$1"
	fi | cut -d ' ' -f 1
}

# listed FILE NAME prints the checksum of NAME in a list of checksums, or nothing.
listed() { awk -v name="$2" '$2 == name { print $1 }' "$1"; }

fetch() { # NAME FILE
	if [ -d "$base" ]; then
		cp "$base/$1" "$2" && return
	elif has curl; then
		curl --fail --silent --show-error --location --netrc-optional --retry 3 \
			--proto '=https,http' --proto-redir '=https,http' --output "$2" "$base/$1" && return
	elif has wget; then
		wget -q -O "$2" "$base/$1" && return
	else
		fail "neither curl nor wget is installed"
	fi
	from=$(printf '%s' "$base" | sed 's#//[^/@]*@#//#') # without a password
	fail "cannot download $1 from $from; set download-url to a folder with the files of the release"
}

own=
if [ -f "$here/checksums.txt" ]; then
	own=$(sed -n 's/^.*  mlflow-promote_\(v[0-9.]*\)_image\.tar$/\1/p' "$here/checksums.txt")
fi
version=${VERSION:-$own}
[ -n "$version" ] || fail "this commit of the setup action is not a release: set version, such as v1.2.0, or use mlflow-promote/mlflow-promote/setup@v1"
case $version in
*[!v0-9.]*) good= ;;
*) good=$(printf '%s\n' "$version" | sed -n '/^v[0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*$/p') ;;
esac
[ -n "$good" ] || fail "version must be a release such as v1.2.0"

case ${RUNNER_OS:-$(uname -s)} in
Linux) os=linux program=mlflow-promote ;;
macOS | Darwin) os=darwin program=mlflow-promote ;;
Windows | MINGW* | MSYS* | CYGWIN*) os=windows program=mlflow-promote.exe ;;
*) fail "there is no mlflow-promote for this operating system: ${RUNNER_OS:-$(uname -s)}" ;;
esac
case ${RUNNER_ARCH:-$(uname -m)} in
X64 | x86_64 | amd64) cpu=amd64 ;;
ARM64 | aarch64 | arm64) cpu=arm64 ;;
*) fail "there is no mlflow-promote for this CPU: ${RUNNER_ARCH:-$(uname -m)}" ;;
esac

folder=mlflow-promote_${version}_${os}_${cpu}
if [ $os = windows ]; then archive=$folder.zip; else archive=$folder.tar.gz; fi
base=${DOWNLOAD_URL:-$repository/releases/download/$version}
base=${base%/}

cache=$(unix_path "${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}")
target=$cache/mlflow-promote/$version/$os-$cpu
mkdir -p "$target"
work=$(mktemp -d "$target/new.XXXXXX")
trap 'rm -rf "$work"' EXIT

sums=$here/checksums.txt
if [ "$version" != "$own" ]; then
	has ssh-keygen || fail "ssh-keygen is not installed; it verifies the signature of $version, which is not the release of this action"
	sums=$work/checksums.txt
	fetch checksums.txt "$sums"
	fetch checksums.txt.sig "$sums.sig"
	ssh-keygen -Y verify -f "$here/signers" -I release@mlflow-promote -n mlflow-promote-release \
		-s "$sums.sig" <"$sums" >"$work/log" 2>&1 ||
		fail "the checksums of $version are not signed by a key in setup/signers: $(tail -n 1 "$work/log")"
fi
want_archive=$(listed "$sums" "$archive")
want_program=$(listed "$sums" "$folder/$program")
[ -n "$want_archive" ] && [ -n "$want_program" ] || fail "the checksums of the release do not list $archive"

# The cache of a self-hosted runner may be changed by other jobs, so its content is verified too.
if [ ! -f "$target/$program" ] || [ "$(sum_of "$target/$program")" != "$want_program" ]; then
	fetch "$archive" "$work/$archive"
	got=$(sum_of "$work/$archive")
	[ "$got" = "$want_archive" ] || fail "$archive has the SHA-256 $got, and the release has $want_archive: nothing was installed"
	if [ $os = windows ]; then
		unzip -q "$work/$archive" -d "$work"
	else
		tar -xzf "$work/$archive" -C "$work"
	fi
	mv -f "$work/$folder/$program" "$target/$program" || true # on Windows it fails if another job runs the program
	[ "$(sum_of "$target/$program")" = "$want_program" ] || fail "$target/$program is not the program of the release"
fi
found=$("$target/$program" --version) || fail "$target/$program does not start"
[ "$found" = "mlflow-promote $version" ] || fail "$target/$program is another version"

if has cygpath; then target=$(cygpath -w "$target"); fi
if [ -n "${BIN_DIR:-}" ]; then
	mkdir -p "$BIN_DIR"
	cp "$target/$program" "$BIN_DIR/"
elif [ -n "${GITHUB_PATH:-}" ]; then
	printf '%s\n' "$target" >>"$GITHUB_PATH"
else
	echo "add this folder to PATH: $target"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	printf 'version=%s\npath=%s\n' "$version" "$target/$program" >>"$GITHUB_OUTPUT"
fi
echo "installed mlflow-promote $version ($os/$cpu)"
