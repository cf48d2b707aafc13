-- Decides about times of a schedule that still is what its caller saw, once: whoever comes second changes nothing.
-- @include schedule
--
-- ARGV  2 name · 3 uid · 4 version · 5 next time seen · 6 next time from now on, or '' · 7 when that is fired, or ''
--       8 entry about missed times, the inside of a JSON object, or '' · 9 how many they are
--       10… time, what is done when a run is under way (an overlap policy, or IN_TURN: it waits), and run in turn
-- Gives 1, or 0 when the schedule is another by now, or not due
-- Cost  O(times · log n)

local name, schedule = ARGV[2], key('schedule', ARGV[2])
local seen = call('HMGET', schedule, 'uid', 'version', 'next', 'paused')
if seen[1] ~= ARGV[3] or seen[2] ~= ARGV[4] or seen[3] ~= ARGV[5] or seen[4] then return 0 end
local due = call('ZSCORE', key('schedules-due'), name)
if not due or tonumber(due) > now then return 0 end

set_next(name, ARGV[6], ARGV[7])
if ARGV[8] ~= '' then
  add_entry(name, ARGV[8])
  call('HINCRBY', schedule, 'missed', ARGV[9])
end
local live = key('schedule-live', name)
for i = 10, #ARGV, 3 do
  local time, policy, run = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local busy = policy ~= 'ALLOW' and call('HLEN', live) > 0
  if policy == 'IN_TURN' and busy then
    call('RPUSH', key('schedule-behind', name), time .. ' ' .. run)
    add_entry(name, '"t":' .. time .. ',"o":"QUEUED","c":"TIME"')
  elseif busy and policy == 'QUEUE_ONE' and not call('HGET', schedule, 'queued') then
    call('HSET', schedule, 'queued', time, 'queuedRun', run)
    add_entry(name, '"t":' .. time .. ',"o":"QUEUED","c":"TIME"')
  elseif busy and policy ~= 'CANCEL_PREVIOUS' then
    call('HINCRBY', schedule, 'skipped', 1)
    add_entry(name, '"t":' .. time .. ',"o":"SKIPPED_OVERLAP","c":"TIME"')
  else
    local before = busy and table.concat(call('HKEYS', live), ' ') or ''
    fire(name, time, run, 'TIME', '', before)
  end
end
return 1
