# Sourced by ./test: line and branch coverage of the QED engine and the chains, by the tests of both. Run by itself (bash eng/coverage.sh) it builds, and measures only that.
# The test programs run once more, as coverlet wants it, in a copy of their output: what it counts with makes them slower, and tests of allocations fail.

coverage_projects=(QedVd.Backends.Qed.Tests QedVd.Host.Tests)
coverage_limit=600 # seconds for each

prepare_coverage() { # folder: the build output with copies of the programs that count
  local output=$root/artifacts/bin copy=$1/bin project name
  mkdir -p "$copy"
  for project in "$output"/*; do
    name=${project##*/}
    case " ${coverage_projects[*]} " in
      *" $name "*) cp -R "$project" "$copy/$name" ;;
      *) ln -s "$project" "$copy/$name" ;;
    esac
  done
}

run_coverage() { # folder, project
  local settings=DataCollectionRunSettings.DataCollectors.DataCollector.Configuration
  timeout --kill-after=20 "$coverage_limit" dotnet test "$1/bin/$2/release/$2.dll" --results-directory "$1/$2" \
    --test-adapter-path "$coverage_adapter" --collect "XPlat Code Coverage" --filter "$coverage_filter" -- \
    "$settings.Format=json" "$settings.Include=[QedVd.Backends.Qed]*,[QedVd.Host]QedVd.Host.*" "$settings.ExcludeAssembliesWithoutSources=None" \
    < /dev/null > "$1/$2.log" 2>&1
}

print_coverage() { # folder for what it leaves
  local project
  # Only costs, and conduct over long times, are left out.
  coverage_filter="FullyQualifiedName!~CostTests&FullyQualifiedName!~PluginCycleTests"
  coverage_adapter=$(find "${NUGET_PACKAGES:-$HOME/.nuget/packages}/coverlet.collector" -name coverlet.collector.dll -printf '%h\n' 2> /dev/null | sort | tail -n 1)
  if [ -z "$coverage_adapter" ]; then
    echo "coverage: not measured, the package coverlet.collector is not there."
    return 1
  fi
  rm -rf "$1"
  prepare_coverage "$1"
  for project in "${coverage_projects[@]}"; do run_coverage "$1" "$project" & done
  wait
  for project in "${coverage_projects[@]}"; do
    # Figures of some of them would look like figures of all.
    if [ -z "$(find "$1/$project" -name coverage.json 2> /dev/null)" ]; then
      echo "coverage: not measured, $project left no figures within $coverage_limit s (artifacts/coverage/$project.log)."
      return 1
    fi
  done
  (cd "$root" && UseSharedCompilation=false dotnet run eng/coverage.cs -- "$1" 2> "$1/coverage.log") || { tail -n 5 "$1/coverage.log"; return 1; }
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -uo pipefail
  root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd) || exit 1
  . "$root/eng/dotnet.sh"
  require_dotnet coverage
  trap stop_compiler EXIT
  (cd "$root" && dotnet build QedVd.sln "${build_options[@]}") || exit 1
  print_coverage "$root/artifacts/coverage"
fi
