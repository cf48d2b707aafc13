-- Removes a device from the inventory. KEYS[1] is the installation's root.
--
-- ARGV  2 name · 3 the slot the caller closed
-- Gives MISSING · MOVED · OK
-- Cost  O(log n)

local name = ARGV[2]
local device = key('device', name)
local before = call('HMGET', device, 'slot', 'credential')
if not before[1] then return 'MISSING' end
if before[1] ~= ARGV[3] then return 'MOVED' end
call('HDEL', key('slots'), before[1])
call('SREM', key('users', before[2]), name)
call('ZREM', key('devices'), name)
call('DEL', device)
return 'OK'
