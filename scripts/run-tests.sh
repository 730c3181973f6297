#!/usr/bin/env bash
# Runs test suites in order, and prints one line for each: `run-tests.sh [SUITE…]`; without arguments, all of them.
#
# A suite that fails does not stop the others, so that one run shows every failure. The exit status is 1 if any failed.
# A few failures of a parallel suite are run once more, alone: on a machine that others load as well, that tells a test
# that needs mending from a product that is broken. They are named as UNSTABLE in the summary.
set -uo pipefail
cd "$(dirname "$0")/.."

all=(lint build Swift scripts Engine Protocol Doors Browser Chaos release)
suites=("$@")
[ $# -gt 0 ] || suites=("${all[@]}")
# Each worker of a parallel suite has its own server and browser.
workers=${WORKERS:-$(nproc)}

# How many failed tests of a suite are run again.
again=3

python() { .tools/venv/bin/python -m pytest -q "$@"; }

# Runs a suite on several workers, and what failed of it once more.
parallel() {
  local suite=${!#} report
  report=$(mktemp)
  python -n "$@" | tee "$report"
  [ "${PIPESTATUS[0]}" != 0 ] || { rm "$report"; return 0; }
  local failures
  mapfile -t failures < <(sed -En 's/^(FAILED|ERROR) //; T; s/ - .*//; p' "$report" | sort -u)
  rm "$report"
  [ ${#failures[@]} -gt 0 ] && [ ${#failures[@]} -le $again ] || return 1
  printf '\n== %s: again, alone: %s\n' "$suite" "${failures[*]}"
  python --last-failed --last-failed-no-failures none "$suite" || return 1
  unstable+=("${failures[@]}")
}

run() {
  case $1 in
    # The program that `make run` builds: the optimizer refuses what a debug build accepts.
    release) make --no-print-directory release-build ;;
    lint | build) make --no-print-directory "$1" ;;
    Swift) scripts/test-swift.sh ;;
    # These wait more than they compute. A file's tests share fixtures, so one worker runs all of them.
    Browser | Protocol) parallel "$workers" --dist loadfile --no-loadscope-reorder "$1" ;;
    Chaos) parallel "$((workers + 1))" Chaos ;;
    # Doors measures latencies, so nothing may run at the same time.
    scripts | Engine | Doors) python "$1" ;;
    *) echo "run-tests.sh: unknown suite $1; there are: ${all[*]}" >&2; return 2 ;;
  esac
}

# A function, because bash reads a script while it runs, and this one may be edited meanwhile.
main() {
  local lines=() unstable=() failed=0 is_built=1 suite needs_build start result took
  for suite in "${suites[@]}"; do
    case $suite in Swift | Protocol | Doors | Browser | Chaos) needs_build=1 ;; *) needs_build=0 ;; esac
    if [ $needs_build = 1 ] && [ $is_built = 0 ]; then
      lines+=("$(printf '%-9s not run: the build failed' "$suite")")
      continue
    fi
    printf '\n== %s\n' "$suite"
    start=$SECONDS
    if run "$suite"; then
      result=passed
    else
      result=FAILED failed=1
      [ "$suite" != build ] || is_built=0
    fi
    took=$((SECONDS - start))
    lines+=("$(printf '%-9s %s in %d min %02d s' "$suite" "$result" $((took / 60)) $((took % 60)))")
    echo "${lines[-1]}"
  done

  printf '\n== Summary (%d min)\n' $((SECONDS / 60))
  printf '%s\n' "${lines[@]}"
  [ ${#unstable[@]} = 0 ] || printf 'UNSTABLE  passed only when run alone: %s\n' "${unstable[@]}"
  exit $failed
}

main
