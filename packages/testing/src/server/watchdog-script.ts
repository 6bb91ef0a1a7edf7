/**
 * Keeps one Redis for a Node process and outlives that process: when standard input closes, in whatever way the process
 * ended, the server is killed and its folder removed. A text rather than a file, so that a bundle can carry it.
 *
 * Arguments: the folder, then the server's command line. Verbs on standard input: start, kill.
 */
export const WATCHDOG: string = String.raw`

folder=$1
shift
keeper=

end() {
  [ -z "$keeper" ] && return
  kill -TERM "$keeper" 2>/dev/null
  wait "$keeper"
  keeper=
}

# Nobody may be left to read what is reported.
trap '' PIPE
trap 'exit 1' HUP INT TERM
trap 'end; rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }' EXIT

while read -r verb; do
  case $verb in
  start)
    # The server's parent is this subshell, so that its end is noticed while the loop reads.
    (
      # A subshell may inherit the EXIT trap; removing the folder is the loop's alone.
      trap - EXIT HUP INT
      # Set before the server starts: no moment in between at which it could be orphaned.
      trap '[ "$!" = "$before" ] || { kill -9 "$!" 2>/dev/null; wait "$!"; }; exit 0' TERM
      before=$!
      "$@" </dev/null >>"$folder/server.log" 2>&1 &
      echo "started $!"
      wait "$!"
      echo "ended"
    ) &
    keeper=$!
    ;;
  kill)
    end
    echo "killed"
    ;;
  esac
done
`
