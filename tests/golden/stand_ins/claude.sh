#!/bin/bash
# Stands in for the Claude CLI where a line of its output must be longer than it can be made to print: one turn with a
# tool whose result has so many letters as the prompt says (`units=N`).
if [[ $1 == --version ]]; then
  echo "2.1.197 (Claude Code)"
  exit
fi
read -r prompt
units=${prompt#*units=}
units=${units%%[^0-9]*}
cat <<'LINES'
{"type":"system","subtype":"init","session_id":"11111111-1111-4111-8111-111111111111"}
{"type":"assistant","message":{"model":"m","content":[{"type":"tool_use","id":"toolu_1","name":"Long","input":{"a":1}}]}}
LINES
printf '{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"'
head -c "$units" /dev/zero | tr '\0' x
cat <<'LINES'
"}]}}
{"type":"assistant","message":{"model":"m","content":[{"type":"text","text":"Done."}]}}
{"type":"result","subtype":"success","is_error":false,"result":"Done.","stop_reason":"end_turn","session_id":"11111111-1111-4111-8111-111111111111","usage":{"input_tokens":1,"output_tokens":2}}
LINES
cat >/dev/null
