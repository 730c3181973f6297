#!/usr/bin/env bash
# Runs the Swift tests that `swift build --build-tests` has built, group by group.
#
# Swift Testing starts every test of a run at once. A test that keeps the cores busy then lets tests that wait for a
# signal run into their limits, so groups that wait run apart from groups that compute.
set -uo pipefail
cd "$(dirname "$0")/.."

groups=(
  "DomainTests WireTests ContractTests TextSearchTests LiveFeedTests StorageTests"
  "PostgresTests"
  "TrellisTests CommandTests"
  "WebSocketTests"
  "SystemTests"
  "TendrilTests"
  "EndToEndTests"
)
for folder in Tests/*Tests; do
  case " ${groups[*]} " in
    *" ${folder#Tests/} "*) ;;
    *) echo "scripts/test-swift.sh: $folder is in no group." >&2; exit 1 ;;
  esac
done

failed=0
for group in "${groups[@]}"; do
  swift test --skip-build --skip PropertyTests --filter "^(${group// /|})\\." || failed=1
done
swift test --skip-build --filter PropertyTests || failed=1
# What Trellis does must not depend on the database.
VINTNER_TEST_DATABASE=postgres swift test --skip-build --filter '^TrellisTests\.' || failed=1
exit $failed
