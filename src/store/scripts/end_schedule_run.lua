#!lua flags=allow-oom
-- Notes the end of a schedule's run, once, and starts what waited for it.
-- @include schedule
--
-- ARGV  2 name · 3 run · 4 its state, '' when it is not known any more · 5 when it ended · 6 '1' when it succeeded, '0' when not,
--       '' when it is neither
--       7 '1' when every target of it has ended · 8 failures in a row after which the schedule pauses
--       9 next time of a fixed delay, or '' · 10 when that is fired, or ''
-- Gives 1, or 0 when that was known
-- Cost  O(log n)

local name, run = ARGV[2], ARGV[3]
local schedule, live = key('schedule', name), key('schedule-live', name)
call('ZREM', key('schedules-live'), run .. ' ' .. name)
local number = call('HGET', live, run)
if not number then return 0 end
call('HDEL', live, run)
if ARGV[4] ~= '' then
  amend_entry(name, number, '"rs":"' .. ARGV[4] .. '","re":' .. ARGV[5])
  if ARGV[7] == '1' and tonumber(number) > tonumber(call('HGET', schedule, 'completeNumber') or 0) then
    call('HSET', schedule, 'completeNumber', number, 'complete', run)
  end
  if ARGV[6] ~= '' then count_end(name, ARGV[6] == '1', ARGV[8]) end
end
go_on(name, ARGV[9], ARGV[10])
return 1
