# Sourced by ./qedvd and ./test: the dotnet command, with build servers that end when the script ends.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export TESTINGPLATFORM_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

compiler_id="qedvd-$$-${RANDOM}"

# One compiler server of our own makes a build three times as fast; stop_compiler ends it, and nobody else's.
build_options=(-c Release -nodeReuse:false -p:UseSharedCompilation=true "-p:SharedCompilationId=$compiler_id" -v quiet)

require_dotnet() {
  if ! command -v dotnet > /dev/null 2>&1; then
    echo "$1: 'dotnet' is not on PATH. It needs the .NET SDK 10.0 (https://dotnet.microsoft.com/download), or Debian's/Ubuntu's package dotnet-sdk-10.0." >&2
    exit 1
  fi
  local said
  if ! said=$(cd "$root" && dotnet --version 2>&1); then
    echo "$1: no .NET SDK that global.json accepts (10.0.100 or later):" >&2
    printf '%s\n' "$said" >&2
    exit 1
  fi
  sdk_version=$said
}

stop_compiler() {
  [ -n "${sdk_version:-}" ] || return 0
  local dotnet server
  dotnet=$(readlink -f "$(command -v dotnet)")
  server="${dotnet%/*}/sdk/$sdk_version/Roslyn/bincore/VBCSCompiler.dll"
  if [ -f "$server" ]; then
    dotnet "$server" -shutdown "-pipename:$compiler_id" > /dev/null 2>&1 || true
  fi
}
