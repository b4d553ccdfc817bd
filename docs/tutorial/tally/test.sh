#!/bin/sh
# Boots server and client in two groups with the relay between them (--pvh: without a boot loader, quickly): all must end with status 0, and what they
# promise must be in the log.
#
# usage: test.sh QUIRE SERVER CLIENT RELAY
if ! log=$("$1" run --headless --pvh --timeout 60 --program "'program@back:$2'" --program "'program@front@back:$4'" --program "'program@front:$3' 3 4 5"); then
    echo "$log"
    echo "the machine did not end well"
    exit 1
fi
echo "$log"
for line in "client: 3 makes 3" "client: 4 makes 7" "client: 5 makes 12" "server: the sum is 12"; do
    case $log in
        *"$line"*) ;;
        *) echo "there is no line '$line'"; exit 1 ;;
    esac
done
