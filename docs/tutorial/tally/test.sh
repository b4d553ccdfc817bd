#!/bin/sh
# Boots server and client (--pvh: without a boot loader, quickly): both must end with status 0, and what they promise must be in the log.
#
# usage: test.sh QUIRE SERVER CLIENT
if ! log=$("$1" run --headless --pvh --timeout 60 --program "'$2'" --program "'$3' 3 4 5"); then
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
