#!lua flags=allow-oom
-- Pauses a schedule, or lets one go on that still is what its caller saw.
-- @include schedule
--
-- ARGV  2 name · 3 who, why and when, as a JSON object; '' resumes · 4 version seen · 5 next time, or ''
--       6 when that is fired, or '' (4 to 6: resume)
-- Gives MISSING, CHANGED or OK
-- Cost  O(log n)

local name, schedule = ARGV[2], key('schedule', ARGV[2])
local seen = call('HMGET', schedule, 'version', 'paused')
if not seen[1] then return 'MISSING' end
if ARGV[3] ~= '' then
  if seen[2] then
    call('HSET', schedule, 'paused', ARGV[3])
  else
    pause(name, ARGV[3])
  end
  return 'OK'
end
if not seen[2] then return 'OK' end
if seen[1] ~= ARGV[4] then return 'CHANGED' end
call('HDEL', schedule, 'paused')
call('HSET', schedule, 'failures', 0)
call('HINCRBY', schedule, 'version', 1)
set_next(name, ARGV[5], ARGV[6])
return 'OK'
