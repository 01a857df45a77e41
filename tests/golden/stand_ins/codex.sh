#!/bin/bash
# Stands in for the Codex CLI, for one turn with a command whose output has so many letters as the prompt says
# (`units=N`).
if [[ $1 == --version ]]; then
  echo "codex-cli 0.169.0"
  exit
fi
place='"threadId":"t1","turnId":"u1"'
command='"type":"commandExecution","id":"call_1","command":"long","cwd":"/"'
while read -r line; do
  id=${line#*\"id\":}
  id=${id%%[^0-9]*}
  case $line in
    *'"method":"initialized"'*) ;;
    *'"method":"thread/start"'*) echo "{\"id\":$id,\"result\":{\"thread\":{\"id\":\"t1\"},\"model\":\"m\"}}" ;;
    *'"method":"turn/start"'*)
      units=${line#*units=}
      units=${units%%[^0-9]*}
      echo "{\"id\":$id,\"result\":{\"turn\":{\"id\":\"u1\"}}}"
      echo "{\"method\":\"item/started\",\"params\":{$place,\"item\":{$command,\"status\":\"inProgress\"}}}"
      printf '%s' "{\"method\":\"item/completed\",\"params\":{$place,\"item\":{$command,\"status\":\"completed\",\"exitCode\":0,\"aggregatedOutput\":\""
      head -c "$units" /dev/zero | tr '\0' x
      echo '"}}}'
      echo "{\"method\":\"item/agentMessage/delta\",\"params\":{$place,\"itemId\":\"m1\",\"delta\":\"Done.\"}}"
      echo '{"method":"turn/completed","params":{"threadId":"t1","turn":{"id":"u1","status":"completed","error":null}}}'
      ;;
    *) echo "{\"id\":$id,\"result\":{}}" ;;
  esac
done
