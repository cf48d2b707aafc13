#!lua flags=allow-oom
-- Notes that events were brought to webhooks: each is brought once more later, and then forgotten.
--
-- ARGV  2… events, as they stand in hook-events or hook-told
-- Cost  O(events · log n)

for i = 2, #ARGV do
  local time = call('ZSCORE', key('hook-events'), ARGV[i])
  if time then
    call('ZREM', key('hook-events'), ARGV[i])
    call('ZADD', key('hook-told'), now_text, ms(tonumber(time)) .. ' ' .. ARGV[i])
  else
    call('ZREM', key('hook-told'), ARGV[i])
  end
end
return 'OK'
