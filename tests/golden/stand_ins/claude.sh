#!/bin/bash
# Stands in for the Claude CLI, for one turn: with a tool whose result has so many letters as the prompt says (`units=N`),
# or one that ends as interrupted (`aborted`).
if [[ $1 == --version ]]; then
  echo "2.1.197 (Claude Code)"
  exit
fi
# The session is introduced first; a question without an answer is nothing to wait for.
while read -r prompt && [[ $prompt != *'"type":"user"'* ]]; do :; done
echo '{"type":"system","subtype":"init","session_id":"11111111-1111-4111-8111-111111111111"}'
if [[ $prompt == *aborted* ]]; then
  cat <<'LINES'
{"type":"assistant","message":{"model":"m","content":[{"type":"text","text":"Half."}]}}
{"type":"user","message":{"role":"user","content":[{"type":"text","text":"[Request interrupted by user]"}]}}
{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming","stop_reason":null}
LINES
  cat >/dev/null
  exit
fi
units=${prompt#*units=}
units=${units%%[^0-9]*}
cat <<'LINES'
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
