# Keeps processes from outliving the one that wanted them, however that one ends.
#
# The owner holds the only write end of standard input and writes orders to it, one a line. End of
# file means that the owner has gone or is done: whatever was started is killed and the folder goes.
# Should this shell itself be killed, the kernel kills what it started (pdeathsig).
folder=$1
mkdir -m 700 "$folder" || exit
kept=
trap 'exit' HUP INT TERM
trap 'trap "" HUP INT TERM
      for one in $kept; do kill -s KILL -- "$one" 2>/dev/null; done
      wait
      rm -rf "$folder"' EXIT
cd "$folder" || exit
: >output
echo ready
while read -r order argument; do
    case $order in
    start) # a program, without arguments; answers its process id
        setpriv --pdeathsig KILL "$argument" </dev/null >>output 2>&1 &
        kept="$kept $!"
        echo "$!"
        ;;
    adopt) # a process group that something else started
        kept="$kept -$argument"
        echo "$argument"
        ;;
    esac
done
