#!lua flags=allow-oom
-- Closes an endpoint for new jobs: for a while, so that its device can be removed or moved, or for good, because what is
-- reached there is kept exclusive by something else.
--
-- ARGV  2 endpoint · 3 milliseconds, or '' for good
-- Gives OK · LIVE (jobs wait or run there, or it is held) · LOCKED (or paused: what a person closed would be left behind)
-- Cost  O(1)

local endpoint = ARGV[2]
local device = gates(endpoint)
if device.run or device.hold
  or call('EXISTS', key('reads', endpoint), key('changes', endpoint), key('later', endpoint)) > 0 then
  return 'LIVE'
end
if device.lock or device.paused then return 'LOCKED' end
call('HSET', key('ep', endpoint), 'closed', ARGV[3] ~= '' and ms(now + ARGV[3]) or 'good')
return 'OK'
