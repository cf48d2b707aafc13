#!lua flags=allow-oom
-- Pauses a queue, or resumes it: a device's own line, or a named queue.
-- @include hold, lines, place, freezes, limits
--
-- ARGV  2 endpoint of the device, or '' · 3 named queue, or '' · 4 who, why and when, as a JSON object; '' resumes
-- Gives OK
-- Cost  O(log n), and for a named queue O(jobs let go on · log n), at most 100

local endpoint, queue, why = ARGV[2], ARGV[3], ARGV[4]
if endpoint ~= '' then
  if why ~= '' then
    call('HSET', key('ep', endpoint), 'paused', why)
  else
    call('HDEL', key('ep', endpoint), 'paused')
  end
  place(endpoint)
else
  local name = 'queue/' .. queue
  call('SADD', key('queues'), queue)
  if why ~= '' then
    call('HSET', key('paused'), name, why)
  else
    call('HDEL', key('paused'), name)
    admit(name)
  end
end
return 'OK'
