-- Closes an endpoint for new jobs, so that its device can be removed or moved.
--
-- ARGV  2 endpoint
-- Gives OK · LIVE (jobs wait or run there, or it is held)
-- Cost  O(1)

local endpoint = ARGV[2]
local device = gates(endpoint)
if device.run or device.hold
  or call('EXISTS', key('reads', endpoint), key('changes', endpoint), key('later', endpoint)) > 0 then
  return 'LIVE'
end
call('HSET', key('ep', endpoint), 'closed', 1)
return 'OK'
