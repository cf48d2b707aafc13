-- Lifts what one reason holds devices by: the journal of a worker that was missing, or old data that came back.
-- @include place, unhold
--
-- ARGV  2 the reason, "worker/<name>" or "restore" · 3 devices at most
-- Gives how many it was lifted from
-- Cost  O(devices · log n)

local reason = ARGV[2]
local endpoints = call('SPOP', key('held', reason), ARGV[3])
for _, endpoint in ipairs(endpoints) do unhold(endpoint, reason) end
return #endpoints
