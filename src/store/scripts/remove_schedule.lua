#!lua flags=allow-oom
-- Forgets a schedule and its history. Runs that it fired are created all the same.
-- @include schedule
--
-- ARGV  2 name · 3 how long its request id is still known, in milliseconds
-- Gives MISSING or OK
-- Cost  O(runs under way · log n)

local name, schedule = ARGV[2], key('schedule', ARGV[2])
local request = call('HGET', schedule, 'request')
if not request then return 'MISSING' end
if request ~= '' then call('PEXPIRE', key('schedule-request', request), ARGV[3]) end
for _, run in ipairs(call('HKEYS', key('schedule-live', name))) do
  call('ZREM', key('schedules-live'), run .. ' ' .. name)
end
call('DEL', schedule, key('schedule-live', name), key('schedule-behind', name), key('schedule-history', name))
call('ZREM', key('schedules'), name)
call('ZREM', key('schedules-due'), name)
return 'OK'
