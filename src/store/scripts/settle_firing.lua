#!lua flags=allow-oom
-- Notes that a run was created, or that it cannot be.
-- @include schedule
--
-- ARGV  2 run · 3 '' when it was created, else facts for its entry, the inside of a JSON object
--       4 failures in a row after which the schedule pauses · 5 next time of a fixed delay, or '' · 6 when that is fired
-- Gives 1, or 0 when that was known
-- Cost  O(log n)

local run = ARGV[2]
local facts = call('HMGET', key('firing', run), 'name', 'uid')
if not facts[1] then return 0 end
local name = facts[1]
local schedule, live = key('schedule', name), key('schedule-live', name)
call('DEL', key('firing', run))
call('ZREM', key('firings'), run)
local number = call('HGET', schedule, 'uid') == facts[2] and call('HGET', live, run)
if not number then return 1 end
if ARGV[3] == '' then
  if tonumber(number) > tonumber(call('HGET', schedule, 'lastNumber') or 0) then
    call('HSET', schedule, 'lastNumber', number, 'last', run, 'lastMs', now_text)
  end
  return 1
end
amend_entry(name, number, '"o":"REFUSED",' .. ARGV[3])
call('HDEL', live, run)
call('ZREM', key('schedules-live'), run .. ' ' .. name)
call('HINCRBY', schedule, 'fired', -1)
call('HINCRBY', schedule, 'refused', 1)
count_end(name, false, ARGV[4])
go_on(name, ARGV[5], ARGV[6])
return 1
